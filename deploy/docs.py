"""`python -m deploy.docs`: writes docs/topics.md from the registry of topics and the docstrings of the contracts."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as types

from shared.kafka.topics import DAY_MS, FOREVER, TOPICS, Topic

TOPICS_PAGE = Path(__file__).resolve().parents[1] / "docs" / "topics.md"

_PLAIN = {
    types.AnyType: "any",
    types.NoneType: "null",
    types.BoolType: "boolean",
    types.IntType: "integer",
    types.FloatType: "number",
    types.StrType: "string",
    types.DateTimeType: "instant",
}


def topics_page() -> str:
    """The page: a table of topics, what travels on each, then every part they are made of."""
    lines = [
        "# Topics",
        "",
        "Made by `python -m deploy.docs` from `shared/kafka/topics.py` and `shared/contracts`; do not edit.",
        "",
        "Payloads are JSON, CloudEvents 1.0 in structured mode; the key of a record is its `subject`, except where",
        "anyone may write. Readers ignore fields they do not know and refuse values of another type. `instant` is",
        "RFC 3339 text.",
        "",
        "| topic | key | written by | partitions | kept | payload |",
        "|---|---|---|---|---|---|",
        *(_row(topic) for topic in TOPICS),
    ]
    for topic in TOPICS:
        lines += ["", f"## {topic.name}", "", topic.description]
        lines += [line for part in _parts(topic) for line in _part(part)]
    return "\n".join(_only_once(lines)) + "\n"


def _row(topic: Topic) -> str:
    cells = (f"[`{topic.name}`](#{_anchor(topic.name)})", f"`{topic.key}`", topic.writer, topic.partitions)
    return f"| {' | '.join(map(str, cells))} | {_kept(topic)} | `{_name(topic.payload)}` |"


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "the last of each key"
    return "for ever" if topic.retention_ms == FOREVER else f"{topic.retention_ms / DAY_MS:g} days"


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _name(payload: Any) -> str:
    """`Snapshot[Profile]` as it is written in code."""
    arguments = ", ".join(one.__name__ for one in getattr(payload, "__args__", ()))
    name = getattr(payload, "__origin__", payload).__name__
    return f"{name}[{arguments}]" if arguments else str(name)


def _parts(topic: Topic) -> list[types.StructType]:
    """Every struct of a payload, each before those it is made of, in the order of the fields."""
    found: dict[type, types.StructType] = {}

    def visit(node: Any) -> None:
        for inner in _inner(node):
            visit(inner)
        if isinstance(node, types.StructType) and node.cls not in found:
            found[node.cls] = node
            for field in node.fields:
                visit(field.type)

    visit(msgspec.inspect.type_info(topic.payload))
    return list(found.values())


def _inner(node: Any) -> Iterator[Any]:
    if isinstance(node, types.UnionType):
        yield from node.types
    elif isinstance(node, types.VarTupleType):
        yield node.item_type
    elif isinstance(node, types.DictType):
        yield node.value_type


def _part(part: types.StructType) -> list[str]:
    kind = _kind(part)
    lines = [f"### {kind.__name__}", "", inspect.cleandoc(kind.__doc__ or ""), ""]
    lines += ["| field | type | if absent |", "|---|---|---|"]
    for field in part.fields:
        generic = isinstance(kind.__annotations__[field.name], TypeVar)
        cell = "the entity of the topic" if generic else _type(field.type)
        lines.append(f"| `{field.encode_name}` | {cell} | {_absent(field)} |")
    return ["", "\n".join(lines)]


def _kind(part: types.StructType) -> type:
    """`Snapshot` of `Snapshot[Profile]`."""
    kind: type = getattr(part.cls, "__origin__", part.cls)
    return kind


def _type(node: Any) -> str:
    if isinstance(node, types.Metadata):
        return _type(node.type)
    if isinstance(node, types.StructType):
        return f"[{_kind(node).__name__}](#{_kind(node).__name__.lower()})"
    if isinstance(node, types.LiteralType):
        return ", ".join(f"`{value}`" for value in node.values)
    if isinstance(node, types.UnionType):
        return " or ".join(map(_type, node.types))
    if isinstance(node, types.VarTupleType):
        return f"list of {_type(node.item_type)}"
    if isinstance(node, types.DictType):
        return f"map of string to {_type(node.value_type)}"
    return _PLAIN[type(node)]


def _absent(field: types.Field) -> str:
    if field.required:
        return "refused"
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(default, msgspec.Struct):
        return "all its defaults"
    text = msgspec.json.encode(default).decode()
    return {"null": "null", '""': "empty", "[]": "none", "{}": "none"}.get(text, f"`{text.strip(chr(34))}`")


def _only_once(lines: list[str]) -> Iterator[str]:
    """A part that several topics use is described where it is met first."""
    described: set[str] = set()
    blank = False
    for line in lines:
        part = re.match(r"### (\w+)\n", line)
        if part is not None and part[1] in described:
            continue
        if part is not None:
            described.add(part[1])
        if line or not blank:
            yield line
        blank = not line


def main() -> None:
    """Write the page."""
    TOPICS_PAGE.write_text(topics_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
