"""One contender on one course: started alone in its own process, watched from outside, stopped, and checked."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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

    `floor` names the baseline it is compared with. `interactions`: those that were left when it began, all but what
    the first of several replicas did before the others had come.
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
        filled = {"bootstrap": arena.bootstrap, "dsn": dsn, "topic": course.topic, "group": group, "output": output}
        async with watching(arena, group, course.topic) as seen:
            with ExitStack() as stack:
                replicas = [
                    stack.enter_context(_replica(contender, filled, arena.logs / _log_name(contender, number, replica)))
                    for replica in range(contender.replicas)
                ]
                processes = [psutil.Process(replica.process.pid) for replica in replicas]
                meter = Meter(processes, arena.postgres(), arena.kafka())
                left, seconds, cpu = await _watch(seen, meter, replicas)
        if contender.totals is not None:
            compare(f"the store of {contender.name}", await read_store(dsn, contender.totals), course.truth)
    last, published = await read_output(arena.bootstrap, begin, contender.published)
    compare(f"the output of {contender.name}", last, course.truth)
    return Result(contender.name, contender.floor, left, seconds, cpu, meter.peak_rss, published)


@dataclass(frozen=True, slots=True)
class _Replica:
    """One process of a contender."""

    process: GuardedProcess
    log: Path


def _log_name(contender: Contender, number: int, replica: int) -> str:
    name = contender.name.replace(" ", "-").replace(",", "")
    return f"{number:02}-{name}{f'-{replica + 1}' if contender.replicas > 1 else ''}.log"


@contextmanager
def _replica(contender: Contender, filled: Mapping[str, str], log: Path) -> Iterator[_Replica]:
    """A port and a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-bench-") as state:
        own = {**filled, "port": str(free_port()), "state": state}
        environment = {name: value.format(**own) for name, value in contender.environment.items()}
        with running(contender.argv, environment, log) as process:
            yield _Replica(process, log)


@contextmanager
def running(argv: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Iterator[GuardedProcess]:
    """A process that is alive inside the block and has ended after it, whatever happens to us."""
    log.unlink(missing_ok=True)
    process = GuardedProcess(Command(argv=argv, env={**inherited(), **environment}, log=log))
    try:
        yield process
    finally:
        process.stop(_STOP_WITHIN)


async def _watch(group: Group, meter: Meter, replicas: Sequence[_Replica]) -> tuple[int, float, Cpu]:
    launched = perf_counter()
    while not await group.has_started(len(replicas)):
        _check_alive(replicas, waited=perf_counter() - launched, limit=_START_WITHIN)
        await pause(_POLL / 2)
    started, before = perf_counter(), meter.cpu()
    left = await group.lag()
    moved, lag, polls = started, left, 0
    while lag:
        _check_alive(replicas, waited=perf_counter() - moved, limit=_STALLED_AFTER)
        if polls % _MEMORY_EVERY == 0:  # walks all processes of the machine, which would disturb the race
            meter.watch_memory()
        polls += 1
        await pause(_POLL)
        if (now := await group.lag()) != lag:
            moved, lag = perf_counter(), now
    return left, moved - started, meter.cpu() - before


def _check_alive(replicas: Sequence[_Replica], *, waited: float, limit: float) -> None:
    for replica in replicas:
        if (code := replica.process.exit_code()) is not None:
            raise ContenderFailed(f"it ended with {code} before it was through; its log is {replica.log}")
    if waited > limit:
        raise ContenderFailed(f"nothing has moved for {limit:.0f} s; its log is {replicas[0].log}")
