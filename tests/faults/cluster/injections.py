"""What happens to brokers. Each strikes once; a broker that died comes back a while after the system has gone on."""

import asyncio
import signal

from shared.clock import pause
from tests.faults.cluster.brokers import BROKERS, Cluster
from tests.faults.injections import Fault
from tests.faults.rig import Rig

# How long two brokers are on their own.
AWAY_SECONDS = 8.0
# Longer than the brokers wait for each other, shorter than clients wait for an answer.
FROZEN_SECONDS = 15.0


def cluster_of(rig: Rig) -> Cluster:
    stack = rig.system.stack
    assert isinstance(stack, Cluster)
    return stack


async def _kill_leader(rig: Rig) -> None:
    """Recovery is counted from its death: the others must go on without it."""
    cluster = cluster_of(rig)
    await cluster.whole()
    leader = await cluster.busiest_leader()
    cluster.kill(leader)
    cluster.return_later(leader, seconds=AWAY_SECONDS)


async def _kill_two_in_turn(rig: Rig) -> None:
    """The second dies when the first is back and its copies are in step again."""
    cluster = cluster_of(rig)
    await _kill_leader(rig)
    await _kill_leader(rig)
    await cluster.whole()


async def _kill_two_at_once(rig: Rig) -> None:
    """Fewer copies than must be: nothing is acknowledged, and no controller is left, until one of them is back."""
    cluster = cluster_of(rig)
    await cluster.whole()
    first = await cluster.busiest_leader()
    second = next(number for number in BROKERS if number != first)
    for number in (first, second):
        cluster.kill(number)
    await pause(AWAY_SECONDS)
    for number in (first, second):
        cluster.return_later(number, seconds=0)
    await cluster.whole()


async def _roll(rig: Rig) -> None:
    """Each is stopped cleanly and started again once the others are complete, as an upgrade does it."""
    cluster = cluster_of(rig)
    for number in BROKERS:
        await cluster.whole()
        node = cluster.nodes[number]
        await asyncio.to_thread(node.stop)
        await asyncio.to_thread(node.start)


async def _freeze_leader(rig: Rig) -> None:
    cluster = cluster_of(rig)
    await cluster.whole()
    leader = await cluster.busiest_leader()
    cluster.signal(leader, signal.SIGSTOP)
    try:
        await pause(FROZEN_SECONDS)
    finally:
        cluster.signal(leader, signal.SIGCONT)


EVERY = (
    Fault("broker: kill -9 of a leader", _kill_leader),
    Fault("broker: kill -9 of two in turn", _kill_two_in_turn),
    Fault("broker: kill -9 of two at once", _kill_two_at_once),
    Fault("broker: rolling restart", _roll),
    Fault(f"broker: SIGSTOP of a leader {FROZEN_SECONDS:g} s", _freeze_leader),
)
