"""Settings that would lose acknowledged records with a broker are found, and not made by us."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.operation.checks.topics import judge_topic
from shared.kafka.admin import create_missing
from shared.kafka.inspection import TopicState
from shared.kafka.topics import ACCESS, INTERACTIONS, TOPICS

SAFE = TopicState(partitions=6, cleanup="delete", thin=0, copies=3, acknowledged=2, unclean=False)


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (SAFE, None),
        (replace(SAFE, copies=1, acknowledged=1), None),
        (replace(SAFE, acknowledged=1), "acknowledges records that only one broker has"),
        (replace(SAFE, unclean=True), "may be led by a broker that lacks records"),
        (replace(SAFE, thin=2), "2 partitions of interactions.v1 have fewer copies in step"),
    ],
)
def test_a_topic_that_would_lose_records_with_a_broker_is_wrong(found: TopicState, complaint: str | None) -> None:
    said = [one for one in judge_topic(INTERACTIONS, found) if one.verdict == "wrong" and one.act]
    assert [(complaint or "") in one.says for one in said] == ([] if complaint is None else [True])


class Brokers:
    """What of the admin client creating topics needs; remembers what is asked of it."""

    def __init__(self, *there: str) -> None:
        self.there = there
        self.made: list[Any] = []

    async def list_topics(self) -> tuple[str, ...]:
        return self.there

    async def create_topics(self, topics: list[Any]) -> Any:
        self.made = topics
        return SimpleNamespace(topic_errors=[(topic.name, 0) for topic in topics])


@pytest.mark.parametrize(("copies", "needed"), [(1, None), (2, None), (3, "2"), (5, "2")])
async def test_of_three_copies_two_must_have_a_record_whatever_the_brokers_default_is(
    copies: int, needed: str | None
) -> None:
    brokers = Brokers(ACCESS.name)
    await create_missing(brokers, TOPICS, copies)
    assert {topic.name for topic in brokers.made} == {topic.name for topic in TOPICS if topic is not ACCESS}
    assert {topic.replication_factor for topic in brokers.made} == {copies}
    assert {topic.topic_configs.get("min.insync.replicas") for topic in brokers.made} == {needed}
