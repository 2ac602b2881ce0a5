"""Which faults are run when: `quick` in the test suite, `full` before a release, `soak` for hours."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clock import pause
from tests.faults.crowding import backlog, one_customer, rebalance_storm, two_replicas
from tests.faults.injections import (
    KAFKA,
    POSTGRES,
    ROLLING_RESTART,
    Fault,
    freeze,
    freeze_kafka,
    kill,
    kill_loop,
    terminate_backends,
)
from tests.faults.network import (
    delay,
    lose_commits,
    reset_storm,
    silent_database,
    unanswered_by_kafka,
    unheard_by_kafka,
)
from tests.faults.rig import Rig
from tests.support.at_rest import CONSUMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """`seconds`: load around each fault, at `rate` interactions a second.

    `strict`: recovery has a bound. `rounds`: it is repeated, on a new system, for hours.
    """

    faults: tuple[Fault, ...]
    rate: float
    seconds: float
    strict: bool = True
    rounds: bool = False


def _after_a_while(fault: Fault) -> Fault:
    """The load runs for up to so long before it strikes."""

    async def strike(rig: Rig) -> Mapping[str, float] | None:
        await pause(rig.chance.uniform(0, _GAP_SECONDS))
        return await fault.strike(rig)

    return Fault(fault.name, strike)


_GAP_SECONDS = 60.0
_QUICK = (
    kill(*CONSUMES),
    POSTGRES,
    KAFKA,
    lose_commits("profiles", seconds=4),
    silent_database(seconds=8),
    reset_storm(seconds=4),
)
_FULL = (
    *(kill(service) for service in CONSUMES),
    kill(*CONSUMES),
    *(kill_loop(service, seconds=12) for service in CONSUMES),
    ROLLING_RESTART,
    POSTGRES,
    terminate_backends(seconds=12),
    *(lose_commits(service, seconds=8) for service in CONSUMES),
    silent_database(seconds=60),
    KAFKA,
    freeze_kafka(seconds=5),
    freeze_kafka(seconds=30),
    unheard_by_kafka(seconds=20),
    unanswered_by_kafka(seconds=20),
    reset_storm(seconds=12),
    delay(seconds=15),
    # Longer than a member of a group may be silent, and longer than a sender's lease.
    freeze("profiles", seconds=12),
    freeze("alerts", seconds=12),
    freeze("notify", seconds=60),
    two_replicas(seconds=12),
    one_customer(seconds=15),
    rebalance_storm(seconds=30),
    backlog(seconds=45),
)
_SOAK = tuple(_after_a_while(fault) for fault in (*_FULL, freeze_kafka(seconds=90)))

TIERS: Mapping[str, Tier] = {
    "quick": Tier(faults=_QUICK, rate=150, seconds=4, strict=False),
    "full": Tier(faults=_FULL, rate=120, seconds=8),
    "soak": Tier(faults=_SOAK, rate=120, seconds=8, rounds=True),
}
