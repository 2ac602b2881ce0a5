"""`make bench`: all contenders in one run on one stack, one table, build/bench.json.

Every contender runs between two runs of the baseline, and its ratio is to the mean of these two neighbours.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from sys import stdout
from typing import Annotated

import cyclopts
import uvloop
from rich.console import Console

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.errors import ConfigurationError, EbbtideError
from shared.kafka.topics import INTERACTIONS
from tests.bench.arena import Arena
from tests.bench.check import WrongResult, end_of
from tests.bench.contenders import Contender, baseline, profiles, tutorial
from tests.bench.race import ContenderFailed, Course, race
from tests.bench.report import machine, summary, table, write
from tests.bench.workload import Message, expected, interactions, load

_BUILD = Path("build")
_STACK = _BUILD / "bench-stack"
_SMALL_TOPIC = "bench.small"

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


def contenders() -> list[Contender]:
    """Everybody but the floor, in the order of the table."""
    return [profiles(10_000), profiles(2_000), baseline(2_000), tutorial()]


async def bench(chosen: Sequence[Contender], *, count: int, small: int, rounds: int, seed: int) -> None:
    """Load, run everything between two baselines, print and write. Raises what `race` raises."""
    console = Console() if stdout.isatty() else Console(width=100)
    floor = baseline(10_000)
    order = [floor, *(member for _ in range(rounds) for each in chosen for member in (each, floor))]
    with console.status("generating interactions"):
        messages = interactions(count, seed=seed)
    with arena() as place:
        with console.status("loading them"):
            courses = {False: await course(place, INTERACTIONS.name, messages)}
            courses[True] = await course(place, _SMALL_TOPIC, messages[:small])
        results = []
        for number, contender in enumerate(order, 1):
            with console.status(f"{number} of {len(order)}: {contender.name}"):
                results.append(await race(place, contender, courses[contender.small], number=number))
            console.print(f"{number:>2}  {contender.name:<20} {results[-1].rate:>9,.0f} interactions/s", style="dim")
        rows, versions = summary(results), machine(await place.postgres_version())
    console.print(table(rows, versions))
    write(_BUILD / "bench.json", rows, machine=versions, interactions=count, small=small, rounds=rounds, seed=seed)


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
    rounds: int = 1,
    seed: int = 1,
    only: Annotated[str, cyclopts.Parameter(help="Contenders whose name begins so.")] = "",
) -> None:
    """Compare ways to get from interactions to customers.

    Parameters
    ----------
    count: interactions on the topic.
    small: interactions for contenders too slow for the whole topic.
    rounds: how often each contender runs.
    seed: of the workload.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new broker's first answers are "not yet"
    chosen = [contender for contender in contenders() if contender.name.startswith(only)]
    try:
        uvloop.run(bench(chosen, count=count, small=small, rounds=rounds, seed=seed))
    except (ContenderFailed, WrongResult, EbbtideError, LookupError) as error:
        raise SystemExit(f"bench: {error}") from None


if __name__ == "__main__":
    app()
