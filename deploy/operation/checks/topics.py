"""Does Kafka answer, are its topics what the registry says, and how far behind are the readers?"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from deploy.operation.asking import is_away
from deploy.operation.checks.findings import Finding, fine, note, unseen, wrong
from deploy.operation.installation import READS, Installation
from deploy.operation.store import OperatorStore
from shared.clock import real_now
from shared.errors import TransientError
from shared.kafka.inspection import Backlog, TopicState, backlogs, describe
from shared.kafka.topics import Topic

# What is read is published within a second, also under load; a backlog this old is not load.
OLD = timedelta(seconds=60)


async def check_topics(installation: Installation) -> list[Finding]:
    """Topics first; lag only of topics that are there."""
    topics = installation.topics()
    try:
        found = await describe(installation.kafka, [topic.name for topic in topics])
    except TransientError:
        act = "start Kafka, or correct KAFKA_BOOTSTRAP; services wait and lose nothing"
        says = f"Kafka does not answer at {installation.kafka.bootstrap}"
        return [wrong("kafka", says, act), unseen("lag", "lag could not be looked at: Kafka does not answer")]
    wrongs = [finding for topic in topics for finding in judge_topic(topic, found.get(topic.name))]
    fit = [fine("kafka", f"Kafka answers at {installation.kafka.bootstrap}, {len(found)} topics as the registry says")]
    return (wrongs or fit) + await _lags(installation, found)


def judge_topic(topic: Topic, found: TopicState | None) -> list[Finding]:
    """What is to be said of a topic as the brokers have it (None: they have not)."""
    if found is None:
        return [wrong("topics", f"topic {topic.name} does not exist", "start any service: it creates what is missing")]
    findings = []
    if found.partitions != topic.partitions:
        says = f"topic {topic.name} has {found.partitions} partitions instead of {topic.partitions}"
        findings.append(wrong("topics", says, "recreate it, or keys are looked for on the wrong partition"))
    if found.cleanup != topic.cleanup:
        says = f"topic {topic.name} has cleanup.policy={found.cleanup} instead of {topic.cleanup}"
        findings.append(wrong("topics", says, f"set it with kafka-configs to {topic.cleanup} before records are lost"))
    if found.thin:
        says = f"{found.thin} partitions of {topic.name} have fewer copies in step than they should"
        findings.append(wrong("topics", says, "bring the missing broker back before another one goes"))
    return findings + _durability(topic, found)


def _durability(topic: Topic, found: TopicState) -> list[Finding]:
    """Copies are there so that the loss of a broker loses nothing; these settings would take that back."""
    findings = []
    if found.copies > 2 and found.acknowledged < 2:
        says = f"topic {topic.name} acknowledges records that only one broker has (min.insync.replicas=1)"
        findings.append(wrong("topics", says, "set min.insync.replicas=2 with kafka-configs"))
    if found.unclean:
        says = f"topic {topic.name} may be led by a broker that lacks records (unclean.leader.election.enable=true)"
        findings.append(wrong("topics", says, "set it to false with kafka-configs before a broker dies"))
    return findings


async def _lags(installation: Installation, found: Mapping[str, TopicState]) -> list[Finding]:
    findings: list[Finding] = []
    wanted: list[tuple[str, str, Mapping[int, int]]] = []
    for service, topics in READS.items():
        named = [topic.prefixed(installation.prefix) for topic in topics]
        present = [topic for topic in named if topic.name in found]
        if not present:
            continue
        try:
            async with installation.database(service) as database, database.connection() as connection:
                progress = await OperatorStore(connection).list_progress()
        except Exception as error:
            if not is_away(error):
                raise
            findings.append(unseen("lag", f"lag of {service} could not be looked at: its database does not answer"))
            continue
        for topic in present:
            stored = progress.get(topic.name, {})
            wanted.append((service, topic.name, {n: stored.get(n, 0) for n in range(topic.partitions)}))
    try:
        behind = await backlogs(installation.kafka, [(topic, offsets) for _, topic, offsets in wanted])
    except TransientError:
        return [*findings, unseen("lag", "lag could not be looked at: Kafka went away")]
    now = real_now()
    pairs = zip(wanted, behind, strict=True)
    return findings + [_lag(service, topic, backlog, now) for (service, topic, _), backlog in pairs]


def _lag(service: str, topic: str, backlog: Backlog, now: datetime) -> Finding:
    if not backlog.records:
        return fine("lag", f"{service} has stored all of {topic}")
    age = now - backlog.oldest_at if backlog.oldest_at is not None else timedelta(0)
    says = f"{service} has {backlog.records:,} records of {topic} to store, the oldest {age.total_seconds():,.0f} s old"
    if age > OLD:
        act = f"if {service} runs and is ready it is catching up: look again; else mend what it waits for"
        return wrong("lag", says, act)
    return note("lag", says)
