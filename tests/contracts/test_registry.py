"""The registry of topics is complete, and what is made from it holds together."""

import re
from typing import Any

import msgspec
import pytest

from deploy.docs import TOPICS_PAGE, topics_page
from shared.kafka.asyncapi import asyncapi_document
from shared.kafka.topics import ANYONE, FOREVER, TOPICS, Topic
from tests.architecture.sources import SERVICES


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_says_all_there_is_to_say(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z]+([.-][a-z]+)*\.v[1-9][0-9]*", topic.name)
    assert topic.writer == ANYONE or any(map(topic.written_by, SERVICES))
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", topic.key)
    assert topic.description.endswith(".")
    assert topic.partitions >= 1
    assert topic.cleanup in ("delete", "compact")
    assert topic.retention_ms == FOREVER or (topic.cleanup == "delete" and topic.retention_ms > 0)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_payload_has_the_subject_that_is_its_key(topic: Topic) -> None:
    """The pipeline compares the two, and a partition is chosen by the one."""
    payload = msgspec.inspect.type_info(topic.payload)
    assert isinstance(payload, msgspec.inspect.StructType)
    fields = {field.encode_name: field for field in payload.fields}
    assert fields["subject"].required
    assert isinstance(fields["subject"].type, msgspec.inspect.StrType)
    if topic.cleanup == "compact":
        assert isinstance(fields["version"].type, msgspec.inspect.IntType)
        entity = fields["data"].type
        assert isinstance(entity, msgspec.inspect.StructType)
        assert topic.key in {field.encode_name for field in entity.fields}


def test_names_are_unique_and_keep_their_configuration_under_a_prefix() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    for topic in TOPICS:
        prefixed = topic.prefixed("test.")
        assert prefixed.name == f"test.{topic.name}"
        assert (prefixed.config(), prefixed.partitions) == (topic.config(), topic.partitions)
        assert topic.config()["cleanup.policy"] == topic.cleanup
        assert ("retention.ms" in topic.config()) == (topic.cleanup == "delete")


def resolve(document: dict[str, Any], reference: str) -> Any:
    """What a local reference points at; raises KeyError when there is nothing."""
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def references(node: Any) -> list[str]:
    """Every $ref below a node."""
    if isinstance(node, dict):
        here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return here + [one for value in node.values() for one in references(value)]
    return [one for value in node for one in references(value)] if isinstance(node, list) else []


def asyncapi_problems(document: dict[str, Any]) -> list[str]:
    """How a document breaks the structure of AsyncAPI 3.0."""
    found = [] if document.get("asyncapi") == "3.0.0" else ["asyncapi is not 3.0.0"]
    found += [f"info has no {name}" for name in ("title", "version") if not document.get("info", {}).get(name)]
    for reference in references(document):
        try:
            resolve(document, reference)
        except (KeyError, TypeError):
            found.append(f"{reference} points nowhere")
    for name, channel in document.get("channels", {}).items():
        found += [] if channel.get("address") else [f"channel {name} has no address"]
        found += [] if channel.get("messages") else [f"channel {name} has no message"]
    for name, operation in document.get("operations", {}).items():
        found += [] if re.fullmatch(r"[\w.-]+", name) else [f"{name!r} is no name of an operation"]
        found += [] if operation.get("action") in ("send", "receive") else [f"{name} neither sends nor receives"]
        channel = operation.get("channel", {}).get("$ref", "")
        found += [] if channel.startswith("#/channels/") else [f"{name} has no channel"]
    for name, message in document.get("components", {}).get("messages", {}).items():
        found += [] if "payload" in message else [f"message {name} has no payload"]
        key = message.get("bindings", {}).get("kafka", {}).get("key")
        found += [] if key else [f"message {name} does not say its key"]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_asyncapi_document_of_any_service_holds_together(service: str) -> None:
    document = asyncapi_document(service, TOPICS)
    assert not asyncapi_problems(document)
    assert set(document["channels"]) == {topic.name for topic in TOPICS}
    sent = {
        resolve(document, operation["channel"]["$ref"])["address"]
        for operation in document["operations"].values()
        if operation["action"] == "send"
    }
    assert sent == {topic.name for topic in TOPICS if topic.written_by(service)}


def test_the_check_sees_a_broken_document() -> None:
    document = asyncapi_document("scoring", TOPICS)
    document["channels"]["scores.v1"]["messages"]["scores.v1"]["$ref"] = "#/components/messages/none"
    del document["components"]["messages"]["alerts.v1"]["payload"]
    document["operations"]["receive_profiles_v1"]["action"] = "publish"
    assert asyncapi_problems(document) == [
        "#/components/messages/none points nowhere",
        "receive_profiles_v1 neither sends nor receives",
        "message alerts.v1 has no payload",
    ]


def test_the_page_about_topics_is_current() -> None:
    found = TOPICS_PAGE.read_text(encoding="utf-8") if TOPICS_PAGE.exists() else ""
    assert found == topics_page(), "run: python -m deploy.docs"
