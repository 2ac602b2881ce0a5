"""A debt whose transaction takes its time: drawn before others that were paid, committed after them."""

from prometheus_client import CollectorRegistry

from shared.ids import customer_id_of
from shared.pipeline import SnapshotPublisher, append_to_publish
from shared.pipeline.metrics import PipelineMetrics
from shared.postgres import Database
from tests.support.tally.bench import Bench
from tests.support.tally.process import GatedPublisher
from tests.support.tally.service import TALLIES, Tally, TallyStore, publication_of

SLOW, QUICK = customer_id_of("shop:1"), customer_id_of("shop:2")


async def test_a_debt_that_is_committed_late_is_paid_though_newer_ones_were(bench: Bench) -> None:
    """The relay looks at what is owed, and not at what comes behind the last it has seen."""
    publisher = GatedPublisher(bench.connection)
    async with Database(bench.dsn, application="relay") as database:
        topic, metrics = TALLIES.prefixed(bench.lease.prefix), PipelineMetrics(CollectorRegistry())
        relay = SnapshotPublisher(publisher, database, topic, TallyStore, metrics=metrics)

        async def owe(connection, tally_id: str, version: int) -> None:  # type: ignore[no-untyped-def]
            store = TallyStore(connection)
            await store.lock_tallies([tally_id])
            await store.update_tallies([publication_of(Tally(tally_id=tally_id, ids=(f"v{version}",)), version)])
            await append_to_publish(connection, {tally_id: version})

        async with database.transaction() as slow:
            await owe(slow, SLOW, 1)
            async with database.transaction() as quick:
                await owe(quick, QUICK, 2)
            assert await relay.publish_owed() == 1
        assert await relay.publish_owed() == 1
        assert await bench.published() == {SLOW: (1, ("v1",)), QUICK: (2, ("v2",))}
        assert await bench.owed() == []
        await publisher.stop()
