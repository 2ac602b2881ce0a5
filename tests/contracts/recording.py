"""`python -m tests.contracts.recording`: records every topic of a short run, under the version of this release."""

import asyncio
import json
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.stack.embedded import EmbeddedStack
from shared.kafka.header_names import tolerate_header_names
from shared.kafka.topics import TOPICS, Topic
from tests.support.builders import day
from tests.support.canonical import State, read_state
from tests.support.stack import ROOT, Lease
from tests.support.timeline import Timeline
from tests.support.world import World, open_world

RECORDED = Path(__file__).parent / "recorded"

Records = Sequence[tuple[bytes, bytes]]


class _Line(msgspec.Struct, frozen=True):
    key: str
    value: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Recording:
    """One released version."""

    folder: Path

    @property
    def version(self) -> str:
        return self.folder.name

    def records(self, topic: Topic) -> list[tuple[bytes, bytes]]:
        """Key and value, those of one key in their order."""
        path = self.folder / f"{topic.name}.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        decoded = [msgspec.json.decode(line, type=_Line) for line in lines]
        return [(one.key.encode(), bytes(one.value)) for one in decoded]

    def state(self) -> tuple[datetime, State]:
        """The instant at which it ended, and what the services had concluded by then."""
        said = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        return datetime.fromisoformat(said["at"]), said["state"]

    def write(self, topic: Topic, records: Records) -> None:
        lines = (b'{"key":%b,"value":%b}\n' % (json.dumps(key.decode()).encode(), value) for key, value in records)
        (self.folder / f"{topic.name}.jsonl").write_bytes(b"".join(lines))


def recordings() -> list[Recording]:
    """Of all versions, oldest first."""
    return [Recording(folder) for folder in sorted(RECORDED.iterdir()) if folder.is_dir()]


def this_version() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


async def read_raw(lease: Lease, topic: Topic) -> list[tuple[bytes, bytes]]:
    """Key and value of every record but tombstones."""
    consumer = AIOKafkaConsumer(bootstrap_servers=lease.kafka_bootstrap, enable_auto_commit=False)
    await consumer.start()
    tolerate_header_names(consumer)
    try:
        ones = [TopicPartition(topic.prefixed(lease.prefix).name, number) for number in range(topic.partitions)]
        consumer.assign(ones)
        await consumer.seek_to_beginning(*ones)
        ends = await consumer.end_offsets(ones)
        found: list[tuple[bytes, bytes]] = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += [(one.key or b"", one.value) for one in records if one.value is not None]
        return found
    finally:
        await consumer.stop()


async def live(world: World) -> None:
    """A few months with four customers: what there is of types, alerts, acts of people, mail and its answers."""
    ada, bo, cy, di = (Timeline(world, f"shop:{name}") for name in ("ada", "bo", "cy", "di"))
    await ada.introduce()
    await bo.introduce(owner="lin", locale="zh-CN", consent=False)
    for one in (ada, bo, cy):
        await one.post("purchase", order="A-1", quantity=2)
    await cy.post("complaint.opened", case="C-1")
    await world.post([cy.event("survey.answered", data={"kind": "nps", "score": 3})])
    await di.post("visit", channel="web")
    await world.move_to(ada.day(20))
    await cy.post("complaint.resolved", case="C-1")
    await cy.post("refund", amount="4.00", currency="USD")
    await di.post("linked", reference=cy.reference)
    await world.move_to(ada.day(92))
    [alert] = await ada.alerts("no-purchase-90d")
    await ada.act(alert, "acknowledge", until=ada.day(99), comment="I call her tomorrow.")
    link = str(ada.mails()[0]["List-Unsubscribe"]).strip("<>").removeprefix("https://shop.example")
    async with world.session.post(world.url("notify") + link, data={"List-Unsubscribe": "One-Click"}) as answer:
        assert answer.status == 200
    await world.rest()
    await ada.post("purchase", day=91)
    await world.move_to(ada.day(120))
    await bo.post("purchase", amount="99.90", currency="EUR")
    await world.move_to(ada.day(130))


async def record(folder: Path) -> None:
    """Live, and write down what was said."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-recording-") as data:
        stack = EmbeddedStack(Path(data))
        await asyncio.to_thread(stack.start)
        lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, {})
        try:
            async with open_world(lease, day(0)) as world:
                await live(world)
                folder.mkdir(parents=True, exist_ok=True)
                for topic in TOPICS:
                    Recording(folder).write(topic, list(_without_prefix(await read_raw(lease, topic), lease.prefix)))
                state = {"at": world.clock.now().isoformat(), "state": await read_state(world.dsns)}
                text = json.dumps(state, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
                (folder / "state.json").write_text(text, encoding="utf-8")
        finally:
            await asyncio.to_thread(stack.stop)


def _without_prefix(records: Records, prefix: str) -> Iterator[tuple[bytes, bytes]]:
    """Topics are named as in an installation of their own."""
    for key, value in records:
        yield key.replace(prefix.encode(), b""), value.replace(prefix.encode(), b"")


def main() -> None:
    """A version that is released is never recorded again."""
    folder: Any = RECORDED / this_version()
    asyncio.run(record(folder))
    print(f"recorded {folder.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
