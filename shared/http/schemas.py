"""Contracts in OpenAPI: the JSON Schemas of what answers carry and an example of it, written in by the routes."""

from dataclasses import dataclass
from typing import Any

import msgspec

from shared.contracts.examples import EXAMPLES

_CURSOR = "WyIyMDI2LTAxLTMwVDEyOjAwOjAwKzAwOjAwIiwiN2IwZTNmNWEtOGY2MS01YTBlLTlkNWMtNWYzZjFmMWQyYzIyIl0"

Responses = dict[int | str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A page of items of one contract."""

    item: Any


def schema_response(
    contract: Any, *, status: int = 200, description: str = "Done", example: dict[str, Any] | None = None
) -> Responses:
    """For the `responses` of a route: the schema of `contract`, self-contained, and an example.

    `example` holds the fields in which the answer differs from the contract's own example.
    """
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
        shown = page_of(example_of(contract.item, **example or {}))
    else:
        schema = inline_schema(contract)
        shown = example_of(contract, **example or {})
    return {status: {"description": description, "content": {"application/json": {"schema": schema, "example": shown}}}}


def example_of(contract: Any, **more: Any) -> Any:
    """The example of a contract, or of the one it extends, as it looks in JSON; `more` are fields beside."""
    known = next(EXAMPLES[one] for one in contract.__mro__ if one in EXAMPLES)
    return {**msgspec.json.decode(msgspec.json.encode(known)), **more}


def page_of(item: Any) -> dict[str, Any]:
    """An example of a list."""
    return {"items": [item], "next_cursor": _CURSOR}


def example_response(example: Any, *, status: int = 200, description: str = "Done") -> Responses:
    """For the `responses` of a route whose schema is given as its model."""
    return {status: {"description": description, "content": {"application/json": {"example": example}}}}


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
        if isinstance(node.get("items"), list):  # as in older drafts; OpenAPI 3.1 knows them by another name
            node = {"prefixItems" if key == "items" else key: value for key, value in node.items()}
        return {key: _inline(value, components) for key, value in node.items()}
    if isinstance(node, list):
        return [_inline(value, components) for value in node]
    return node
