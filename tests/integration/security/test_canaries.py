"""Personal data and keys are pushed through every path, the failing ones too; then everything that leaks is searched.

What is personal contains a canary: a name, an address, a phone number, free text.
"""

import io
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import msgspec
import pytest
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from services.ingest.handlers.principals import Request, create_principal, revoke_key
from services.ingest.store import IngestStore
from shared.kafka.topics import ALERTS, INBOUND, INTERACTIONS, PROFILES, SCORES, TOPICS
from shared.observability.logging import configure_logging
from tests.integration.ingest.outsider import write
from tests.support.builders import day
from tests.support.stack import Lease
from tests.support.topics import publish
from tests.support.waiting import eventually
from tests.support.world import World, open_world

# Ninety-five days of five services, some of them under a full log: 25 s alone, minutes on a busy machine.
pytestmark = pytest.mark.timeout(400)

MAIL = "Canarina.Quetzal@birds.example"
NAME = "Canarina Quetzal"
PHONE = "+86 138 1234 5678"
STREET = "Nestweg 4711b"
SONG = "tweets the zwitscherlied"
CANARIES = ("quetzal", "13812345678", "138 1234 5678", "nestweg", "zwitscherlied")
PII = {"name": NAME, "email": MAIL, "phone": PHONE, "address": STREET, "note": SONG}


def leaks(text: str) -> list[str]:
    """The canaries in a text, each with its surroundings."""
    plain = text.lower()
    return [text[max(0, plain.find(one) - 200) :][:300] for one in CANARIES if one in plain]


@dataclass
class Heard:
    """What may be read by those who may not see customers, by where it was found."""

    world: World
    said: dict[str, str] = field(default_factory=dict)

    async def ask(self, service: str, method: str, path: str, **request: Any) -> int:
        """The status of the answer, whose text is remembered."""
        url = self.world.url(service) + path
        async with aiohttp.ClientSession() as session, session.request(method, url, **request) as answer:
            self.said[f"answer to {method} {service}{path} {len(self.said)}"] = f"{answer.headers}{await answer.text()}"
            return answer.status


@pytest.fixture(scope="module")
def log() -> Iterator[io.StringIO]:
    """Everything that any library or service logs, DEBUG included."""
    root, said = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    yield said
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="module")
async def world(
    stack: EmbeddedStack | ExternalStack, templates: dict[str, str], log: io.StringIO
) -> AsyncIterator[World]:
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, day(0)) as opened:
            configure_logging("canary", "DEBUG")
            (handler,) = logging.getLogger().handlers
            assert isinstance(handler, logging.StreamHandler)
            handler.setStream(log)
            logging.getLogger("mail").setLevel(logging.ERROR)  # the mail server of the test itself
            yield opened
    finally:
        await lease.drop()


def event(kind: str, number: int, **more: Any) -> dict[str, Any]:
    at = day(0).isoformat()
    return {
        "specversion": "1.0",
        "type": f"customer.{kind}",
        "id": f"c-{number}",
        "subject": "shop:c",
        "time": at,
    } | more


async def _live(world: World, heard: Heard) -> None:
    """A customer with every kind of personal data, who complains, falls silent and cannot be reached by mail."""
    consent = {"channel": "email", "purpose": "marketing", "granted": True}
    world.mailbox.tricks[MAIL.lower()] = world.mailbox.tricks[MAIL] = ["later", "never"]
    await world.post([
        event("identified", 1, data=PII, pii=PII),
        event("consent", 2, data=consent),
        event("linked", 3, data={"reference": f"mail:{MAIL}"}),
        event("purchase", 4, subject=f"phone:{PHONE}", data={"amount": "9", "currency": "USD", "order": MAIL}),
        event("purchase", 5, data={"amount": "9", "currency": "USD", "note": SONG, NAME: NAME}),
        event("complaint.opened", 6, data={"case": MAIL, "text": SONG}),
        event("song", 7, data=PII, extension=SONG),
    ])  # fmt: skip
    await world.rest()
    await world.move_to(day(95))
    (alert, *_) = (await world.get("alerts", "/v1/alerts", condition="firing"))["items"]
    await world.act("alerts", f"/v1/alerts/{alert['alert_id']}/comment", {"comment": f"{NAME}: {SONG}"})
    await world.act("alerts", f"/v1/alerts/{alert['alert_id']}/resolve", {"reason": SONG})
    assert (await world.get("profiles", "/v1/customers", name="quetzal"))["items"]
    await world.rest()


async def _be_refused(world: World, heard: Heard) -> None:
    """Personal data where it does not belong, in every field and parameter."""
    good = event("purchase", 20, data={"amount": "9", "currency": "USD"})
    bad: list[Any] = [good | {name: MAIL} for name in ("specversion", "type", "time", "data", "pii")]
    bad += [good | {"subject": text} for text in (f"{MAIL}:1", f"Mail {MAIL}: x\n", 7)]
    bad += [good | {"data": {"amount": "9", "currency": "USD"} | {name: MAIL}} for name in ("amount", "currency")]
    bad += [MAIL, [MAIL], good | {"data": {MAIL: [[[[[[[[[MAIL]]]]]]]]]}}, good | {"source": f"{MAIL}\0"}]
    authorised = {"Authorization": f"Bearer {world.key}"}
    assert await heard.ask("ingest", "POST", "/v1/interactions", json=bad, headers=authorised) == 422
    as_json = authorised | {"Content-Type": "application/json"}
    assert await heard.ask("ingest", "POST", "/v1/interactions", data=f'{{"{MAIL}"', headers=as_json) == 400
    nowhere = f"/v1/alerts/{MAIL}"
    for service, method, path, body in (
        ("profiles", "GET", f"/v1/customers?reference={MAIL}", None),
        ("profiles", "GET", f"/v1/customers/{MAIL}", None),
        ("profiles", "GET", f"/v1/customers?limit={MAIL}&name={NAME}", None),
        ("profiles", "GET", f"/v1/interactions?id={MAIL}&reference={MAIL}", None),
        ("scoring", "GET", f"/v1/scores?cursor={MAIL}&kind={NAME}", None),
        ("alerts", "GET", f"/v1/alerts?severity={NAME}&open_at={MAIL}", None),
        ("alerts", "POST", f"{nowhere}/resolve", {"reason": [MAIL], "outcome": MAIL}),
        ("alerts", "GET", nowhere + "/x", None),
        ("alerts", "GET", f"/console/alerts/{MAIL}", None),
        ("notify", "GET", f"/v1/unsubscribe/{MAIL}", None),
        ("notify", "POST", "/v1/webhooks", {"url": f"https://{MAIL}/", "types": ["alert.*"]}),
        ("notify", "POST", "/v1/webhooks", {"url": "https://a.example/", "types": [MAIL], "filters": {"owners": MAIL}}),
    ):
        await heard.ask(service, method, path, json=body, headers=authorised)
    assert await heard.ask("alerts", "GET", "/v1/alerts", headers={"Authorization": f"Bearer {MAIL}"}) == 401
    await heard.ask("alerts", "POST", "/console/sign-in", data={"key": MAIL}, headers={"Sec-Fetch-Site": "same-origin"})
    await heard.ask("alerts", "GET", "/livez", headers={"X-Correlation-ID": MAIL, "User-Agent": NAME, "Referer": MAIL})


async def _be_spoilt(world: World) -> list[bytes]:
    """Records that nobody can handle, on the topic of outsiders and, by an intruder, on ours."""
    garbage = [f'{{"{MAIL}": '.encode(), msgspec.json.encode(PII), f'"{SONG}"'.encode()]
    await write(world.lease, [(one, [("ce_subject", MAIL.encode()), (NAME, SONG.encode())]) for one in garbage])
    for topic in (INTERACTIONS, PROFILES, SCORES, ALERTS):
        await publish(world.lease, topic, [(b"spoilt", one) for one in garbage])

    async def set_aside() -> bool:
        counts = []
        for dsn, query in (
            (world.dsns["ingest"], "select count(*) from quarantine"),
            (world.dsns["profiles"], "select count(*) from dead_letters"),
            (world.dsns["notify"], "select count(*) from dead_letters"),
        ):
            connection = await asyncpg.connect(dsn)
            counts.append(await connection.fetchval(query))
            await connection.close()
        return bool(counts[0] >= 3 and counts[1] >= 3 and counts[2] >= 6)

    await eventually(set_aside, what="the quarantine and the dead letters")
    return garbage


async def raw_records(lease: Lease) -> list[tuple[str, bytes | None, bytes | None, Any]]:
    """Topic, key, value and headers of everything on our topics; what outsiders write is theirs."""
    consumer = AIOKafkaConsumer(bootstrap_servers=lease.kafka_bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        ours = [topic.prefixed(lease.prefix) for topic in TOPICS if topic is not INBOUND]
        partitions = [TopicPartition(topic.name, number) for topic in ours for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += [(one.topic, one.key, one.value, one.headers) for one in records]
        return found
    finally:
        await consumer.stop()


def in_the_open(node: Any) -> Any:
    """What a record says outside `pii`."""
    if isinstance(node, Mapping):
        return {name: in_the_open(value) for name, value in node.items() if name != "pii"}
    return [in_the_open(one) for one in node] if isinstance(node, list) else node


async def test_personal_data_shows_nowhere_but_where_it_belongs(
    world: World, log: io.StringIO, stack: EmbeddedStack | ExternalStack
) -> None:
    heard = Heard(world)
    await _live(world, heard)
    await _be_refused(world, heard)
    garbage = await _be_spoilt(world)
    await world.rest()
    for service in world.apps:
        for path in ("/metrics", "/readyz", "/asyncapi.json", "/openapi.json"):
            assert await heard.ask(service, "GET", path) == 200
    told = 0
    for topic, key, value, headers in await raw_records(world.lease):
        if value in garbage:
            continue
        told += bool(value and leaks(value.decode()))
        open_part = in_the_open(msgspec.json.decode(value)) if value else None
        place = f"{topic} {key!r}"
        heard.said[place] = heard.said.get(place, "") + f"{key!r} {headers} {open_part}"
    assert told >= 5, "the canaries were not on their way at all"
    assert any(message["To"] == MAIL for _, message in world.mailbox.messages) or world.mailbox.asked >= 2
    heard.said["the log"] = log.getvalue()
    assert '"status": "failed"' in heard.said["the log"], "the bounced mail was not logged at all"
    if isinstance(stack, EmbeddedStack):
        for server in (stack.kafka, stack.postgres):
            heard.said[server.log.name] = server.log.read_text(encoding="utf-8", errors="replace")
    assert {place: found for place, text in heard.said.items() if (found := leaks(text))} == {}


async def test_no_store_and_no_log_holds_a_usable_key(world: World, log: io.StringIO) -> None:
    """Not of the caller of the API, and not of somebody who signed in on the page."""
    async with aiohttp.ClientSession() as browser:
        url, ours = world.url("alerts"), {"Sec-Fetch-Site": "same-origin"}
        signing_in = browser.post(
            f"{url}/console/sign-in", data={"key": world.key}, headers=ours, allow_redirects=False
        )
        async with signing_in as answer:
            assert (answer.status, "ebbtide_session" in answer.cookies) == (303, True)
    secret = world.key.split("_", 2)[2]
    for service, dsn in world.dsns.items():
        connection = await asyncpg.connect(dsn)
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        for table in tables:
            rows = await connection.fetch(f'select t::text as row from "{table["tablename"]}" as t')
            dump = "\n".join(row["row"] for row in rows)
            assert secret not in dump, f"{service}.{table['tablename']}"
            assert secret.encode().hex() not in dump, f"{service}.{table['tablename']}"
        await connection.close()
    assert secret not in log.getvalue()
    records = await raw_records(world.lease)
    assert not [topic for topic, key, value, _ in records if secret.encode() in (key or b"") + (value or b"")]


async def test_a_revoked_key_dies_in_all_five_services(world: World) -> None:
    """And its principal's other key lives on."""
    places = {
        "ingest": "/v1/quarantine", "profiles": "/v1/customers?reference=shop:c", "scoring": "/v1/scores",
        "alerts": "/v1/alerts", "notify": "/v1/notifications",
    }  # fmt: skip
    request = Request(name="somebody", kind="person", namespace=None, scopes=("admin",))
    async with world.apps["ingest"].database.transaction() as connection:
        granted = await create_principal(IngestStore(connection), request)
    headers = {"Authorization": f"Bearer {granted.key.secret}"}

    async def answered() -> set[int]:
        found = set()
        for service, path in places.items():
            async with aiohttp.ClientSession(headers=headers) as session, session.get(world.url(service) + path) as one:
                found.add(one.status)
        return found

    async def known() -> bool:
        return await answered() == {200}

    async def refused() -> bool:
        return await answered() == {401}

    await eventually(known, what="the key in five services")
    async with world.apps["ingest"].database.transaction() as connection:
        await revoke_key(IngestStore(connection), granted.key.key_id)
    await eventually(refused, what="the end of the key in five services")
    assert (await world.get("scoring", "/v1/scores"))["items"]
