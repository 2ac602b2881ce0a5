"""Whose key is good: as `access.v1` said last, and never longer."""

from datetime import datetime, timedelta

import msgspec
import pytest

from shared.access import Directory, NewKey, new_key
from shared.clock import real_now
from shared.contracts import AccessKey, Principal, Snapshot

ID = "0f6b5a1c-2d3e-4f50-8a9b-1c2d3e4f5a6b"


def stored(key: NewKey, *, revoked_at: datetime | None = None, expires_at: datetime | None = None) -> AccessKey:
    return AccessKey(
        key_id=key.key_id, sha256=key.sha256, created_at=real_now(), revoked_at=revoked_at, expires_at=expires_at
    )


def told(*keys: AccessKey, version: int = 1) -> bytes:
    principal = Principal(principal_id=ID, name="shop", kind="system", scopes=("interactions:write",), keys=keys)
    return msgspec.json.encode(
        Snapshot(
            id=f"{ID}:{version}",
            source="ebbtide/ingest",
            type="ebbtide.principal",
            subject=ID,
            time=real_now(),
            version=version,
            data=principal,
        )
    )


def directory(*records: bytes | None) -> Directory:
    made = Directory()
    for one in records:
        made.apply(ID, one)
    return made


def test_a_key_that_was_told_is_good() -> None:
    key = new_key()
    found = directory(told(stored(key))).find(key.secret)
    assert found is not None
    assert found.principal_id == ID


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: "Bearer",
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("_", "-", 1),
        lambda text: text.upper(),
        lambda text: text + "\n",
        lambda text: new_key().secret,
    ],
    ids=["empty", "other", "wrong checksum", "wrong form", "upper case", "line end", "unknown"],
)
def test_anything_but_the_key_is_nobody(change) -> None:  # type: ignore[no-untyped-def]
    key = new_key()
    assert directory(told(stored(key))).find(change(key.secret)) is None


def test_a_wrong_secret_under_a_known_id_is_nobody() -> None:
    """With a right checksum, so that only the hash tells."""
    known, other = new_key(), new_key()
    pretended = AccessKey(key_id=other.key_id, sha256=known.sha256, created_at=real_now())
    assert directory(told(pretended)).find(other.secret) is None


def test_a_revoked_key_is_nobody_and_so_is_one_that_expired() -> None:
    key, now = new_key(), real_now()
    assert directory(told(stored(key, revoked_at=now))).find(key.secret) is None
    assert directory(told(stored(key, expires_at=now - timedelta(seconds=1)))).find(key.secret) is None
    assert directory(told(stored(key, expires_at=now + timedelta(hours=1)))).find(key.secret) is not None


def test_an_older_record_does_not_bring_a_revoked_key_back() -> None:
    key = new_key()
    revoked = told(stored(key, revoked_at=real_now()), version=2)
    assert directory(revoked, told(stored(key), version=1)).find(key.secret) is None
    assert directory(revoked, told(stored(key), version=2)).find(key.secret) is None


def test_a_key_that_is_no_longer_listed_is_nobody() -> None:
    old, new = new_key(), new_key()
    found = directory(told(stored(old)), told(stored(new), version=2))
    assert found.find(old.secret) is None
    assert found.find(new.secret) is not None


def test_a_tombstone_takes_the_principal_away() -> None:
    key = new_key()
    assert directory(told(stored(key)), None).find(key.secret) is None


def test_a_record_that_cannot_be_read_ends_what_its_principal_may_do() -> None:
    """It may have revoked a key; and it does not stop what others' records say."""
    key = new_key()
    newer = told(stored(key), version=2).replace(b"interactions:write", b"a:scope:of:a:later:version")
    found = directory(told(stored(key)), newer)
    assert found.find(key.secret) is None
    found.apply(ID, told(stored(key), version=3))
    assert found.find(key.secret) is not None


def test_a_principal_acts_while_one_of_its_keys_is_good() -> None:
    """For what is done on its behalf without a key at hand."""
    good, bad, now = new_key(), new_key(), real_now()
    active = directory(told(stored(bad, revoked_at=now), stored(good))).active(ID)
    assert active is not None
    assert active.principal_id == ID
    assert directory(told(stored(bad, revoked_at=now))).active(ID) is None
    assert directory(told(stored(good)), None).active(ID) is None
    assert directory().active(ID) is None
