"""A service as a whole: starts when everything is there, says what it waits for, stops without losing what it has."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from shared.application import Application
from shared.contracts import Interaction
from shared.kafka.asyncapi import asyncapi_document
from shared.kafka.topics import TOPICS
from shared.pipeline import Outcome, Received, Subscription
from shared.postgres import Connection
from shared.settings import ServiceSettings
from tests.architecture.sources import SERVICES
from tests.contracts.test_registry import asyncapi_problems
from tests.support.asgi import call
from tests.support.builders import interaction, record
from tests.support.stack import ROOT, SECRET
from tests.support.tally.bench import Bench, events
from tests.support.tally.picky import Picky
from tests.support.tally.service import EVENTS, SQL, TALLIES, TallyStore, on_events
from tests.support.waiting import eventually


async def make(bench: Bench, **more: Any) -> Application:
    settings = await bench.lease.settings("tally", **{"max_batch_records": 50, **more})
    bench.dsn = settings["postgres_dsn"]
    app = Application("tally", ServiceSettings(**settings), store=TallyStore, publishes=TALLIES, sql=SQL)
    app.consume(Subscription(topic=EVENTS, group="tally", handler=on_events))
    return app


@pytest.fixture
async def app(bench: Bench) -> AsyncIterator[Application]:
    app = await make(bench)
    await app.start()
    yield app
    await app.stop()


async def get(app: Application, path: str) -> tuple[int, Any]:
    assert app.server is not None
    answer = await call(app.server._server.config.app, "GET", path)  # type: ignore[arg-type]
    return answer.status, answer.json()


async def test_it_is_ready_when_its_partitions_are_read(bench: Bench, app: Application) -> None:
    async def ready() -> bool:
        return await get(app, "/readyz") == (200, {"status": "ready", "waiting_for": {}})

    await eventually(ready, what="readiness")
    await bench.emit(*events(20, references=3))
    await bench.finished(20)


async def test_what_is_to_be_done_in_the_end_is_done_after_everything_has_stopped(bench: Bench) -> None:
    app = await make(bench)
    reached: list[bool] = []

    async def close() -> None:
        reached.append(app.database._pool is None)

    app.at_stop(close)
    await app.start()
    await app.stop()
    assert reached == [True]


async def test_nothing_is_committed_past_what_a_defect_lost(bench: Bench) -> None:
    """The process has to end; until it has, the pipeline that lost a record stays down, whatever else is restarted."""
    app = await make(bench, max_batch_records=1)
    app.consume(Subscription(topic=EVENTS, group="broken", handler=on_events, contract=int | Interaction))
    restarts: list[int] = []

    async def witness() -> None:
        restarts.append(1)

    app.run("witness", witness)
    await bench.emit_raw(b"7")
    try:
        await app.start()
        with pytest.raises(ExceptionGroup):
            await app.failed()
        for number in range(3):
            await bench.emit_raw(record(interaction(subject="shop:1", id=f"after-{number}"))[1])
        seen = len(restarts)

        async def restarted_twice() -> bool:
            return len(restarts) >= seen + 2

        await eventually(restarted_twice, what="the other loops' restarts")
    finally:
        await app.stop()
    assert await bench.committed_by("broken") == {}


async def test_a_service_that_hangs_ends_with_a_reason_and_in_time(bench: Bench) -> None:
    """Whoever supervises it starts it again; the hanging handler does not hold up the end."""
    never = asyncio.Event()

    async def hangs(connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        await never.wait()
        raise AssertionError

    app = await make(bench, watchdog_seconds=0.6)
    app.consume(Subscription(topic=EVENTS, group="hangs", handler=hangs))
    await bench.emit(*events(5))
    await app.start()
    with pytest.raises(ExceptionGroup) as raised:
        await app.failed()
    started = time.monotonic()
    await app.stop()
    assert time.monotonic() - started < 10
    assert "store of" in str(raised.value.exceptions[0])
    assert await bench.committed_by("hangs") == {}


async def test_a_service_that_stopped_says_so_and_why(bench: Bench) -> None:
    app = await make(bench)
    picky = Picky(*(f"shop:{number}" for number in range(40)))
    app.consume(Subscription(topic=EVENTS, group="picky", handler=picky))
    await bench.emit(*events(40, references=40))
    await app.start()
    try:

        async def stopped() -> Any:
            status, body = await get(app, "/readyz")
            return body["waiting_for"] if (status, body["status"]) == (503, "stopped") else None

        (reason,) = (await eventually(stopped, what="the stop")).values()
        assert "records cannot be handled, first partition" in reason
        picky.mended = True

        async def ready() -> bool:
            return (await get(app, "/readyz"))[0] == 200

        await eventually(ready, what="readiness")
    finally:
        await app.stop()


async def test_a_stop_finishes_what_is_in_hand(bench: Bench) -> None:
    """As at SIGTERM, in the middle of a backlog: what is stored is published and committed, and soon."""
    await bench.emit(*events(2_000, references=40))
    app = await make(bench)
    await app.start()

    async def begun() -> bool:
        return sum((await bench.progress()).values()) > 0

    await eventually(begun, what="the first batch")
    started = time.monotonic()
    await app.stop()
    assert time.monotonic() - started < 10
    progress = await bench.progress()
    assert await bench.committed() == progress
    assert sum(progress.values()) > 0
    assert await bench.published() == await bench.stored()


async def test_it_lives_and_says_what_it_waits_for_while_a_part_is_away(bench: Bench) -> None:
    app = await make(bench, postgres_dsn="postgresql://nobody:x@127.0.0.1:1/none")
    starting = asyncio.create_task(app.start())

    async def waits() -> bool:
        return app.server is not None and (await get(app, "/readyz"))[1]["waiting_for"] == {"start": "PostgreSQL"}

    await eventually(waits, what="the reason")
    assert (await get(app, "/livez"))[0] == 200
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await app.stop()


# What the settings of a service ask for beyond the rest; nothing of it is reached.
MORE: dict[str, dict[str, Any]] = {
    "alerts": {"rules": ROOT / "deploy/config/rules.yaml"},
    "profiles": {"policy": ROOT / "deploy/config/policy.yaml"},
    "notify": {
        "staff": ROOT / "deploy/config/staff.yaml",
        "smtp_url": "smtp://127.0.0.1:1",
        "mail_from": "ebbtide@example.com",
        "public_url": "http://127.0.0.1",
    },
}


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_describes_the_topics_it_reads_and_writes(service: str) -> None:
    """Its AsyncAPI document names all that the registry says it writes, and what it subscribes to."""
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        http_port=0,
        postgres_dsn="postgresql://nobody:x@127.0.0.1:1/none",
        secret=SECRET,
        KAFKA_BOOTSTRAP="127.0.0.1:1",
        **MORE.get(service, {}),
    )
    app = importlib.import_module(f"services.{service}.app").build(settings)
    document = asyncapi_document(service, app.described_topics())
    assert not asyncapi_problems(document)
    assert {topic.name for topic in TOPICS if topic.written_by(service)} <= set(document["channels"])
