"""Contracts in OpenAPI: the JSON Schemas of what answers carry, written in by the routes."""

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class ListOf:
    """A page of items of one contract."""

    item: Any


def schema_response(contract: Any, *, status: int = 200, description: str = "Done") -> dict[int | str, dict[str, Any]]:
    """For the `responses` of a route: the schema of `contract`, self-contained."""
    if isinstance(contract, ListOf):
        item = inline_schema(contract.item)
        schema: dict[str, Any] = {
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": item},
                "next_cursor": {"type": ["string", "null"], "description": "Give it as `cursor` to go on."},
                "total": {"type": "integer", "description": "With total=true: how many there are in all."},
            },
        }
    else:
        schema = inline_schema(contract)
    return {status: {"description": description, "content": {"application/json": {"schema": schema}}}}


def inline_schema(contract: Any) -> dict[str, Any]:
    """The JSON Schema of a contract without references, so that it can stand anywhere in a document."""
    (schema,), components = msgspec.json.schema_components([contract], ref_template="{name}")
    inlined = _inline(schema, components)
    assert isinstance(inlined, dict)
    return inlined


def _inline(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inline(components[node["$ref"]], components)
        return {key: _inline(value, components) for key, value in node.items()}
    if isinstance(node, list):
        return [_inline(value, components) for value in node]
    return node
