"""Where an interaction may be that is in nobody's timeline."""

from deploy.operation.asking import is_away
from deploy.operation.installation import READS, Installation
from deploy.operation.store import OperatorStore
from shared.errors import TransientError
from shared.kafka.inspection import backlogs

_MOST = 10


async def where_it_stopped(installation: Installation, id: str) -> list[tuple[str, str]]:
    """(service, what is known), from the databases of ingest and profiles and from Kafka; what is away is said."""
    found: list[tuple[str, str]] = []
    for service in ("ingest", "profiles"):
        try:
            async with installation.database(service) as database, database.connection() as connection:
                store = OperatorStore(connection)
                letters = await store.list_dead_letters_holding(service, id, _MOST)
                refused = await store.list_quarantined_holding(id, _MOST) if service == "ingest" else []
                progress = await store.list_progress()
        except Exception as error:
            if not is_away(error):
                raise
            found.append((service, "its dead letters could not be looked at: its database does not answer"))
            continue
        found += [
            (service, f"a record that holds this id was set aside as {letter.reason}: dead letter {letter.id}")
            for letter in letters
        ]
        found += [
            (service, f"an inbound record that holds this id was refused ({one.code}, {one.field}) and is {one.status} "
             f"in quarantine as {one.quarantine_id}: see /v1/quarantine of ingest")
            for one in refused
        ]  # fmt: skip
        found += await _still_to_read(installation, service, progress)
    return found or [
        ("ingest", "nothing is waiting and nothing was set aside: it was never acknowledged with 202, was refused "
         "(the answer to its request says why), or has another id")
    ]  # fmt: skip


async def _still_to_read(
    installation: Installation, service: str, progress: dict[str, dict[int, int]]
) -> list[tuple[str, str]]:
    topics = [topic.prefixed(installation.prefix) for topic in READS[service]]
    wanted = [
        (topic.name, {n: progress.get(topic.name, {}).get(n, 0) for n in range(topic.partitions)}) for topic in topics
    ]
    try:
        behind = await backlogs(installation.kafka, wanted) if wanted else []
    except TransientError:
        return [(service, "how much it has still to read is unknown: Kafka does not answer")]
    return [
        (service, f"{backlog.records:,} records of {topic} are still to be stored; it may be among them")
        for (topic, _), backlog in zip(wanted, behind, strict=True)
        if backlog.records
    ]
