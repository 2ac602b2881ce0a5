"""What must not be in the sources: statements put together from pieces, secrets that print themselves, keys."""

import ast
import re
import zlib
from collections.abc import Iterator

from tests.architecture.sources import Source

_ASK = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor", "prepare"})
_BUILDERS = frozenset({"format", "format_map", "join", "replace", "substitute"})


def builds_statements(file: Source) -> Iterator[tuple[int, str]]:
    """Statements given to the database that were made of pieces: f-strings, sums, `%`, `format`."""
    built = {
        target.id
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Assign | ast.AugAssign) and (isinstance(node, ast.AugAssign) or _is_built(node.value))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(file.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASK):
            continue
        for statement in node.args[:1]:
            if _is_built(statement) or (isinstance(statement, ast.Name) and statement.id in built):
                yield node.lineno, "a statement is made of pieces: give values as parameters"


def _is_built(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_built(node.body) or _is_built(node.orelse)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in _BUILDERS
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod)
    return isinstance(node, ast.JoinedStr)


# What a field that holds a secret is called. Of `key` only text: a Kafka record's key is bytes.
_SECRET = re.compile(r"secrets?|.*password|(admin_)?dsns?|env|api_key|sealed_key|.*token_secret")


def prints_secrets(file: Source) -> Iterator[tuple[int, str]]:
    """Fields of dataclasses that hold secrets and would show up in a `repr`, and so in logs and crashes."""
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.ClassDef) or "dataclass" not in " ".join(map(ast.unparse, node.decorator_list)):
            continue
        for field in node.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            name, kind = field.target.id, ast.unparse(field.annotation)
            secret = _SECRET.fullmatch(name) or (name == "key" and kind.startswith("str"))
            if secret and "SecretStr" not in kind and not _is_hidden(field.value):
                yield field.lineno, f"{node.name}.{name} shows in its repr: field(repr=False)"


def _is_hidden(default: ast.expr | None) -> bool:
    return isinstance(default, ast.Call) and any(
        word.arg == "repr" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in default.keywords
    )


# Keys of ours are told from what only looks like one by their checksum; the others by their well-known beginnings.
_OURS = re.compile(rb"ebb_[a-z0-9]{12}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}")
_THEIRS = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    rb"|\bxox[abpr]-[0-9A-Za-z-]{10,}|\bsk_live_[0-9a-zA-Z]{24}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
    rb"|://[^/\s:@'\"{}$<>()]+:[A-Za-z0-9_-]{16,}@"
)


def keys_in(content: bytes) -> Iterator[tuple[int, str]]:
    """Line and beginning of everything in a file that is a key."""
    for match in _OURS.finditer(content):
        body, _, checksum = match[0].rpartition(b"_")
        if f"{zlib.crc32(body):08x}".encode() == checksum:
            yield content.count(b"\n", 0, match.start()) + 1, f"a key of ours, {match[0][:16].decode()}…"
    for match in _THEIRS.finditer(content):
        yield content.count(b"\n", 0, match.start()) + 1, f"a key, {match[0][:12].decode()}…"
