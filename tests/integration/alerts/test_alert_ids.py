"""An alert's id follows from its rule and the interaction it is anchored at, and from nothing else."""

from shared.ids import customer_id_of
from tests.integration.alerts.bench import Bench, profile, score
from tests.support.builders import day

ONE = "shop:1"


async def test_a_store_that_is_built_again_has_the_same_alerts(bench: Bench) -> None:
    """Under the ids that people, notifications and other systems know them by."""
    found = []
    for _ in range(2):
        bench.clock.move_to(day(150))
        await bench.profiles(profile((ONE, 0), version=1, complaints=[(140, None)]))
        high = score((ONE, "high", 145, None), version=2, profile_version=1, customer_id=customer_id_of(ONE))
        await bench.scores(high)
        await bench.wake()
        found.append({(one.rule_id, one.alert_id) for one in await bench.alerts()})
        async with bench.database.transaction() as connection:
            await connection.execute("truncate alerts, subjects")
    assert len(found[0]) == 3
    assert found[0] == found[1]
