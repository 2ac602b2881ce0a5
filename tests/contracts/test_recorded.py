"""Topics as released versions wrote them are read by today's contracts, and say all that they said."""

import json

import msgspec
import pytest

from shared.kafka.topics import TOPICS, Topic
from tests.contracts.recording import Recording, recordings, this_version
from tests.contracts.test_payloads import lost


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.version)
def test_every_recorded_record_decodes_and_keeps_all_it_says(recording: Recording, topic: Topic) -> None:
    records = recording.records(topic)
    assert records, "nothing of this topic was recorded"
    for key, value in records:
        decoded = msgspec.json.decode(value, type=topic.payload)
        if not topic.foreign:  # of what others write, only what is asked for is decoded
            assert not lost(json.loads(value), json.loads(msgspec.json.encode(decoded)))
        assert key.decode() in (decoded.subject, "")


def test_this_version_is_recorded() -> None:
    assert this_version() in {recording.version for recording in recordings()}
