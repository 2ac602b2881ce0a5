"""The golden schemas are those of the contracts: who changes a contract sees it, and says it, in a difference."""

import pytest

from shared.kafka.topics import TOPICS, Topic
from tests.contracts.update import SCHEMAS, schema_path, schema_text


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_golden_schema_of_a_topic_is_current(topic: Topic) -> None:
    path = schema_path(topic)
    golden = path.read_text(encoding="utf-8") if path.exists() else ""
    assert golden == schema_text(topic), "if the change is meant: python -m tests.contracts.update"


def test_there_is_no_schema_of_a_topic_that_is_gone() -> None:
    assert sorted(SCHEMAS.glob("*.json")) == sorted(map(schema_path, TOPICS))
