"""`make bench`: all contenders in one run on one stack, one table, build/bench.json.

Every contender runs between two runs of the baseline with the same batch, and its ratio is to the mean of these two.
Kafka Streams takes part where a JDK and Maven are there to build it.
The whole system gets the interactions twice: as if they were of today (`system`), and a part of them as the 18 months
they are, all at once (`system, history`), where every purchase opens alerts that the next one takes back.
"""

import asyncio
import fcntl
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from sys import stdout
from typing import Annotated

import cyclopts
import uvloop
from rich.console import Console

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.clock import real_now
from shared.errors import ConfigurationError, EbbtideError
from shared.kafka.topics import INTERACTIONS
from tests.bench.arena import Arena
from tests.bench.check import WrongResult, end_of
from tests.bench.contenders import STREAMS, Contender, baseline, profiles, streams, tutorial
from tests.bench.latency import Latency, measure_latency
from tests.bench.lateness import Lateness, measure_lateness
from tests.bench.race import ContenderFailed, Course, Result, race
from tests.bench.report import Failure, Report, machine, storage_lines, summary, table, write
from tests.bench.storage import Stored
from tests.bench.streams import build_streams, missing_tools
from tests.bench.whole import Part, run_whole
from tests.bench.workload import Message, expected, interactions, live, load

_BUILD = Path("build")
_STACK = _BUILD / "bench-stack"
_STREAMS = _BUILD / "bench-streams"
_SMALL_TOPIC = "bench.small"
_BATCHES = (10_000, 2_000)


@dataclass(frozen=True, slots=True)
class Options:
    """What to run; see `main`."""

    count: int
    small: int
    history: int
    rounds: int
    seed: int
    customers: int
    per_second: int
    only: str


@dataclass(frozen=True, slots=True)
class Step:
    """One run: what it is called, the baseline it is compared with, and how it is done."""

    name: str
    floor: str
    run: Callable[[], Awaitable[Result | None]]


app = cyclopts.App(help=__doc__)


@contextmanager
def arena() -> Iterator[Arena]:
    """A fresh embedded stack, gone afterwards; EBBTIDE_TEST_STACK=external: KAFKA_BOOTSTRAP and POSTGRES_DSN.

    Raises ConfigurationError when another bench runs: the two would only measure each other.
    """
    logs = _BUILD / "bench"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "running").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError("another bench runs here: wait for its end, or both only measure noise") from None
        if os.environ.get("EBBTIDE_TEST_STACK") == ExternalStack.name:
            with ExternalStack.from_environment() as given:
                yield Arena(given.kafka_bootstrap, given.admin_dsn, logs)
            return
        shutil.rmtree(_STACK, ignore_errors=True)
        try:
            with EmbeddedStack(_STACK) as own:
                yield Arena(own.kafka_bootstrap, own.admin_dsn, logs)
        finally:
            shutil.rmtree(_STACK, ignore_errors=True)


def contenders(peer: Contender | None) -> list[Contender]:
    """Everybody but the floors, in the order of the table."""
    peers = [peer] if peer else []
    return [profiles(10_000), profiles(10_000, replicas=2), *peers, tutorial(10_000), profiles(2_000)]


class Bench:
    """Runs what is asked for, one after the other. What fails is noted with its reason, and the rest goes on."""

    def __init__(self, place: Arena, options: Options, console: Console) -> None:
        self._place, self._options, self._console = place, options, console
        self._number = 0
        self._parts: dict[str, Sequence[Part]] = {}
        self._stored: dict[str, Stored] = {}
        self._failures: list[Failure] = []
        self._results: list[Result] = []
        self._latency: Latency | None = None
        self._lateness: Lateness | None = None

    async def run(self) -> Report:
        """Load, run everything between two runs of its floor, add up."""
        options = self._options
        with self._console.status("generating and loading interactions"):
            messages = interactions(options.count, seed=options.seed)
            courses = {
                False: await course(self._place, INTERACTIONS.name, messages),
                True: await course(self._place, _SMALL_TOPIC, messages[: options.small]),
            }
        plan = self._plan(courses, messages, await self._peer())
        floors = {one.name: one for one in map(baseline, _BATCHES)}
        for floor, group in groupby(plan, key=lambda step: step.floor):
            between = Step(floor, floor, partial(self._race, floors[floor], courses[False]))
            await self._take(between)
            for step in group:
                await self._take(step)
                await self._take(between)
        if "latency".startswith(options.only):
            await self._take(Step("latency", "", self._measure_latency))
        if "lateness".startswith(options.only):
            await self._take(Step("lateness", "", self._measure_lateness))
        return Report(
            rows=summary(self._results),
            parts=self._parts,
            stored=self._stored,
            latency=self._latency,
            lateness=self._lateness,
            failures=self._failures,
        )

    def _plan(self, courses: Mapping[bool, Course], messages: Sequence[Message], peer: Contender | None) -> list[Step]:
        """Steps of one floor stand together, so that they share its runs."""
        options = self._options
        found = [Step(one.name, one.floor, partial(self._race, one, courses[one.small])) for one in contenders(peer)]
        floor = baseline(_BATCHES[0]).name
        past = messages[: options.history]
        found += [
            Step("system", floor, lambda: self._whole("system", floor, live(messages, real_now()))),
            Step("system, history", floor, lambda: self._whole("system, history", floor, past)),
        ]
        chosen = [step for step in found if step.name.startswith(options.only)]
        return sorted(chosen * options.rounds, key=lambda step: step.floor != floor)

    async def _peer(self) -> Contender | None:
        """Kafka Streams, where it is asked for and can be built."""
        if not STREAMS.startswith(self._options.only):
            return None
        if missing := missing_tools():
            self._console.print(f"{STREAMS} is left out: {' and '.join(missing)} not found here")
            return None
        try:
            with self._console.status(f"building {STREAMS}"):
                return streams(await asyncio.to_thread(build_streams, _STREAMS), _BATCHES[0])
        except ConfigurationError as error:
            self._failures.append(Failure(STREAMS, str(error)))
            return None

    async def _take(self, step: Step) -> None:
        self._number += 1
        with self._console.status(f"{self._number}: {step.name}"):
            try:
                result = await step.run()
            except (ContenderFailed, WrongResult, EbbtideError, OSError) as error:
                self._failures.append(Failure(step.name, str(error)))
                self._console.print(f"{self._number:>2}  {step.name:<20} {error}", style="red")
                return
        if result is not None:
            self._results.append(result)
            self._console.print(f"{self._number:>2}  {step.name:<20} {result.rate:>9,.0f} interactions/s", style="dim")

    async def _race(self, contender: Contender, ahead: Course) -> Result:
        return await race(self._place, contender, ahead, number=self._number)

    async def _whole(self, name: str, floor: str, messages: Sequence[Message]) -> Result:
        found = await run_whole(self._place, messages, name=name, floor=floor, number=self._number)
        self._parts[name] = found.parts
        self._stored[name] = found.stored
        return found.result

    async def _measure_latency(self) -> None:
        options = self._options
        self._latency = await measure_latency(
            self._place, per_second=options.per_second, seed=options.seed, number=self._number
        )

    async def _measure_lateness(self) -> None:
        customers = self._options.customers
        self._lateness = await measure_lateness(self._place, customers=customers, number=self._number)


async def bench(options: Options) -> Report:
    """Run, print and write. Raises ConfigurationError and LookupError when there is nothing to run on."""
    console = Console() if stdout.isatty() else Console(width=110)
    with arena() as place:
        report = await Bench(place, options, console).run()
        versions = machine(await place.postgres_version())
    console.print(table(report, versions))
    for line in storage_lines(report):
        console.print(line, soft_wrap=True)
    for failure in report.failures:
        console.print(f"{failure.name}: {failure.why}", style="red")
    write(_BUILD / "bench.json", report, machine=versions, options=asdict(options))
    return report


async def course(place: Arena, topic: str, messages: Sequence[Message]) -> Course:
    """A topic loaded with `messages` and what they add up to."""
    await place.topic(topic)
    await load(place.bootstrap, topic, messages)
    if sum((await end_of(place.bootstrap, topic)).values()) != len(messages):
        raise ContenderFailed(f"{topic} was not empty: the bench needs a fresh stack")
    return Course(topic, len(messages), expected(messages))


@app.default
def main(
    *,
    count: int = 200_000,
    small: int = 3_000,
    history: int = 20_000,
    rounds: int = 1,
    seed: int = 1,
    customers: int = 1_000_000,
    per_second: int = 1_000,
    only: Annotated[str, cyclopts.Parameter(help="Contenders whose name begins so.")] = "",
) -> None:
    """Compare ways to get from interactions to customers, and measure the whole way from HTTP to alert.

    Parameters
    ----------
    count: interactions on the topic, and sent to the whole system.
    small: interactions for contenders too slow for the whole topic.
    history: interactions for the whole system when it is given 18 months at once.
    rounds: how often each contender runs.
    seed: of the workload.
    customers: of whom a tenth begins to lapse within a minute, to see how late that is told.
    per_second: interactions sent while it is measured how soon an alert is visible.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new broker's first answers are "not yet"
    options = Options(
        count=count,
        small=small,
        history=history,
        rounds=rounds,
        seed=seed,
        customers=customers,
        per_second=per_second,
        only=only,
    )
    try:
        report = uvloop.run(bench(options))
    except (ContenderFailed, EbbtideError, LookupError) as error:
        raise SystemExit(f"bench: {error}") from None
    raise SystemExit(1 if report.failures else 0)


if __name__ == "__main__":
    app()
