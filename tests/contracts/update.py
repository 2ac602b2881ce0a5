"""`python -m tests.contracts.update`: writes the golden schemas anew. What changed is for review, field by field."""

import json
from pathlib import Path
from typing import Any

import msgspec

from shared.kafka.topics import TOPICS, Topic

SCHEMAS = Path(__file__).parent / "schemas"


def schema_path(topic: Topic) -> Path:
    """Where the golden schema of a topic lies."""
    return SCHEMAS / f"{topic.name}.json"


def schema_text(topic: Topic) -> str:
    """The JSON Schema of a topic's payload, one line a value, so that a difference is one line too."""
    schema: dict[str, Any] = msgspec.json.schema(topic.payload)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every schema, and remove those of topics that are gone."""
    for topic in TOPICS:
        schema_path(topic).write_text(schema_text(topic), encoding="utf-8")
    for path in SCHEMAS.glob("*.json"):
        if path not in map(schema_path, TOPICS):
            path.unlink()


if __name__ == "__main__":
    main()
