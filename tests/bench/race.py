"""One contender on one course: started alone in its own process, watched from outside, stopped, and checked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil

from deploy.environment import inherited
from deploy.processes import Command, GuardedProcess
from deploy.stack.ports import free_port
from shared.clock import pause
from tests.bench.arena import Arena, Group, watching
from tests.bench.check import compare, end_of, read_output, read_store
from tests.bench.contenders import Contender
from tests.bench.measure import Cpu, Meter
from tests.bench.workload import Total

_POLL = 0.05
_MEMORY_EVERY = 10
_START_WITHIN = 60.0
_STOP_WITHIN = 20.0
_STALLED_AFTER = 60.0


class ContenderFailed(Exception):
    """A contender ended, stalled or never started. Says where its log is."""


@dataclass(frozen=True, slots=True)
class Course:
    """A loaded topic and the truth about it."""

    topic: str
    interactions: int
    truth: Mapping[str, Total]


@dataclass(frozen=True, slots=True)
class Result:
    """One run, from the assignment of the partitions to the last committed offset: seconds, CPU seconds, bytes.

    `floor` names the baseline it is compared with.
    """

    name: str
    floor: str
    interactions: int
    seconds: float
    cpu: Cpu
    peak_rss: int
    published: int

    @property
    def rate(self) -> float:
        """Interactions per second."""
        return self.interactions / self.seconds


async def race(arena: Arena, contender: Contender, course: Course, *, number: int) -> Result:
    """Run `contender` through `course` once; `number` keeps runs apart.

    Raises ContenderFailed when it does not get there, WrongResult when it gets there with anything but the truth.
    """
    label = f"bench_{number}"
    group, output = contender.group or label, contender.output or f"bench.customers.{number}"
    await arena.topic(output)
    begin = await end_of(arena.bootstrap, output)
    async with arena.database(label) as dsn:
        filled = {
            "bootstrap": arena.bootstrap,
            "dsn": dsn,
            "topic": course.topic,
            "group": group,
            "output": output,
            "port": str(free_port()),
        }
        environment = {name: value.format(**filled) for name, value in contender.environment.items()}
        log = arena.logs / f"{number:02}-{contender.name.replace(' ', '-').replace(',', '')}.log"
        async with watching(arena, group, course.topic) as seen:
            with running(contender.argv, environment, log) as process:
                meter = Meter([psutil.Process(process.pid)], arena.postgres(), arena.kafka())
                seconds, cpu = await _watch(seen, meter, process, log)
        compare(f"the store of {contender.name}", await read_store(dsn, contender.totals), course.truth)
    last, published = await read_output(arena.bootstrap, begin, contender.published)
    compare(f"the output of {contender.name}", last, course.truth)
    return Result(contender.name, contender.floor, course.interactions, seconds, cpu, meter.peak_rss, published)


@contextmanager
def running(argv: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Iterator[GuardedProcess]:
    """A process that is alive inside the block and has ended after it, whatever happens to us."""
    log.unlink(missing_ok=True)
    process = GuardedProcess(Command(argv=argv, env={**inherited(), **environment}, log=log))
    try:
        yield process
    finally:
        process.stop(_STOP_WITHIN)


async def _watch(group: Group, meter: Meter, process: GuardedProcess, log: Path) -> tuple[float, Cpu]:
    launched = perf_counter()
    while not await group.has_started():
        _check_alive(process, log, waited=perf_counter() - launched, limit=_START_WITHIN)
        await pause(_POLL / 2)
    started, before = perf_counter(), meter.cpu()
    moved, lag, polls = started, await group.lag(), 0
    while lag:
        _check_alive(process, log, waited=perf_counter() - moved, limit=_STALLED_AFTER)
        if polls % _MEMORY_EVERY == 0:  # walks all processes of the machine, which would disturb the race
            meter.watch_memory()
        polls += 1
        await pause(_POLL)
        if (now := await group.lag()) != lag:
            moved, lag = perf_counter(), now
    return moved - started, meter.cpu() - before


def _check_alive(process: GuardedProcess, log: Path, *, waited: float, limit: float) -> None:
    if (code := process.exit_code()) is not None:
        raise ContenderFailed(f"it ended with {code} before it was through; its log is {log}")
    if waited > limit:
        raise ContenderFailed(f"nothing has moved for {limit:.0f} s; its log is {log}")
