"""No statement is made of pieces, no secret prints itself, and no key lies in the repository."""

import subprocess

import pytest

from shared.access import new_key
from tests.architecture import sources
from tests.architecture.secrecy import builds_statements, keys_in, prints_secrets
from tests.architecture.sources import PRODUCT, ROOT, Check, Source, findings

# The key of a record, and of a topic's table: names of customers and alerts, which open nothing.
NO_SECRETS = {"shared/kafka/topics.py"}


def test_statements_are_never_made_of_pieces() -> None:
    assert not findings(builds_statements, sources.sources(*PRODUCT, "deploy"))


def test_no_secret_shows_itself_when_it_is_printed() -> None:
    assert not findings(prints_secrets, sources.sources(*PRODUCT, "deploy"), allowed=NO_SECRETS)


def test_no_key_lies_in_the_repository() -> None:
    """In any file that is or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    assert len(files) > 500
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in files
        if path.is_file()
        for line, what in keys_in(path.read_bytes())
    ]
    assert not found


BAD: list[tuple[Check, str]] = [
    (builds_statements, "async def f(c, name):\n    await c.fetch(f'select * from customers where name = {name}')"),
    (builds_statements, "async def f(c, q, name):\n    await c.execute(q.list_customers + name)"),
    (builds_statements, "async def f(c, q, name):\n    await c.fetchval(q.get % name)"),
    (builds_statements, "async def f(c, q, name):\n    await c.fetchrow(q.get.format(name))"),
    (builds_statements, "async def f(c, q, down):\n    await c.fetch(q.a if down else q.b.replace('asc', 'desc'))"),
    (builds_statements, "async def f(c, q, name):\n    query = f'{q.get} limit {name}'\n    await c.fetch(query)"),
    (builds_statements, "async def f(c, q, name):\n    query = q.get\n    query += name\n    await c.fetch(query)"),
    (prints_secrets, "@dataclass\nclass A:\n    password: str"),
    (prints_secrets, "@dataclass(frozen=True)\nclass A:\n    sasl_password: str | None = None"),
    (prints_secrets, "@dataclass\nclass A:\n    secret: bytes = field(repr=True)"),
    (prints_secrets, "@dataclass\nclass A:\n    key: str"),
    (prints_secrets, "@dataclass\nclass A:\n    dsns: dict[str, str]"),
]

GOOD: list[tuple[Check, str]] = [
    (builds_statements, "async def f(c, q, name):\n    await c.fetch(q.get, name)"),
    (builds_statements, "async def f(c, q, down):\n    query = q.a if down else q.b\n    await c.fetch(query, down)"),
    (prints_secrets, "@dataclass\nclass A:\n    password: str = field(repr=False)\n    key: bytes"),
    (prints_secrets, "class A(BaseSettings):\n    secret: SecretStr"),
]


@pytest.mark.parametrize(("check", "text"), BAD)
def test_the_checks_see_what_is_bad(check: Check, text: str) -> None:
    assert findings(check, [Source("services/scoring/store.py", text)])


@pytest.mark.parametrize(("check", "text"), GOOD)
def test_the_checks_leave_alone_what_is_good(check: Check, text: str) -> None:
    assert not findings(check, [Source("services/scoring/store.py", text)])


def test_the_scanner_sees_a_planted_key_and_no_example() -> None:
    """Keys of ours by their checksum: one letter changed and it opens nothing."""
    key = new_key().secret
    planted = ["-----BEGIN RSA " + "PRIVATE KEY-----", "AKIA" + "Q" * 16, "postgresql://shop:" + "a1" * 10 + "@db/shop"]
    for text in (key, *planted):
        assert [line for line, _ in keys_in(f"# the key\n{text}\n".encode())] == [2], text
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    for text in (
        other,
        "Authorization: Bearer $EBBTIDE_KEY",
        "postgresql://admin:…@db/postgres",
        "ebb_<key id>_<secret>",
    ):
        assert not list(keys_in(text.encode()))
