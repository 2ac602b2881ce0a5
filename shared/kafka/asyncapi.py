"""The AsyncAPI 3 document of a service, made from the registry of topics and the contracts."""

from collections.abc import Sequence
from typing import Any

import msgspec

from shared.kafka.topics import Topic


def asyncapi_document(service: str, topics: Sequence[Topic]) -> dict[str, Any]:
    """What `service` sends and receives on `topics`, with the JSON Schema of each payload."""
    schemas, components = msgspec.json.schema_components(
        [topic.payload for topic in topics], ref_template="#/components/schemas/{name}"
    )
    payloads = dict(zip((topic.name for topic in topics), schemas, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Ebbtide {service}",
            "version": "1.0.0",
            "description": "Payloads are CloudEvents 1.0 in structured mode, JSON.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            topic.name: {
                "address": topic.name,
                "description": topic.description,
                "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
            }
            for topic in topics
        },
        "operations": {
            f"{'send' if topic.written_by(service) else 'receive'}_{topic.name.replace('.', '_')}": {
                "action": "send" if topic.written_by(service) else "receive",
                "channel": {"$ref": f"#/channels/{topic.name}"},
            }
            for topic in topics
        },
        "components": {
            "messages": {
                topic.name: {
                    "name": topic.name,
                    "title": topic.description,
                    "contentType": "application/cloudevents+json",
                    "payload": payloads[topic.name],
                    "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}}},
                }
                for topic in topics
            },
            "schemas": components,
        },
    }
