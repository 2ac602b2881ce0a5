"""Principals and keys: made once, shown once, stored as hashes, and told to every service."""

from datetime import timedelta

import pytest

from deploy.access import change_principals
from services.ingest.handlers.principals import (
    Granted,
    PrincipalError,
    create_principal,
    key_state,
    revoke_key,
    rotate_key,
)
from services.ingest.store import IngestStore
from shared.application import Application
from shared.kafka.topics import ACCESS
from tests.integration.ingest.conftest import SHOP
from tests.support.stack import Lease
from tests.support.topics import last_per_key
from tests.support.waiting import eventually

DAY = timedelta(days=1)


async def test_new_key_is_published_as_a_hash(lease: Lease, shop: Granted) -> None:
    snapshot = (await last_per_key(lease, ACCESS))[shop.principal.principal_id]
    assert snapshot.data == shop.principal
    assert snapshot.data.keys[0].sha256 == shop.key.sha256
    assert shop.key.secret not in str(snapshot)


async def test_name_is_given_once(lease: Lease) -> None:
    dsn = await lease.dsn("ingest")
    await change_principals(dsn, lambda store: create_principal(store, SHOP))
    with pytest.raises(PrincipalError, match="webshop exists already"):
        await change_principals(dsn, lambda store: create_principal(store, SHOP))


async def test_rotation_lets_both_keys_work_and_then_one(ingest: Application, shop: Granted) -> None:
    async with ingest.database.transaction() as connection:
        second = await rotate_key(IngestStore(connection), "webshop", overlap=DAY)
    secrets = (shop.key.secret, second.key.secret)

    async def both() -> bool:
        return all(ingest.directory.find(secret) for secret in secrets)

    await eventually(both, what="both keys")
    with pytest.raises(PrincipalError, match="has 2 keys already"):
        async with ingest.database.transaction() as connection:
            await rotate_key(IngestStore(connection), "webshop", overlap=DAY)
    async with ingest.database.transaction() as connection:
        await revoke_key(IngestStore(connection), shop.key.key_id)
        principal = await revoke_key(IngestStore(connection), shop.key.key_id)
    assert [key_state(key) for key in principal.keys] == ["revoked", "active"]

    async def only_second() -> bool:
        return [ingest.directory.find(secret) is not None for secret in secrets] == [False, True]

    await eventually(only_second, what="the second key alone")


async def test_rotation_without_overlap_ends_the_first_key(lease: Lease) -> None:
    dsn = await lease.dsn("ingest")
    first = await change_principals(dsn, lambda store: create_principal(store, SHOP))
    second = await change_principals(dsn, lambda store: rotate_key(store, "webshop", overlap=timedelta(0)))
    (stored,) = await change_principals(dsn, lambda store: store.list_principals())
    assert {key.key_id: key_state(key) for key in stored.keys} == {
        first.key.key_id: "expired",
        second.key.key_id: "active",
    }


async def test_versions_of_a_principal_only_grow(lease: Lease) -> None:
    dsn = await lease.dsn("ingest")
    granted = await change_principals(dsn, lambda store: create_principal(store, SHOP))
    ids = [granted.principal.principal_id]
    before = await change_principals(dsn, lambda store: store.get_versions(ids))
    await change_principals(dsn, lambda store: revoke_key(store, granted.key.key_id))
    after = await change_principals(dsn, lambda store: store.get_versions(ids))
    assert after[ids[0]] > before[ids[0]]


async def test_unknown_names_are_said(lease: Lease) -> None:
    dsn = await lease.dsn("ingest")
    with pytest.raises(PrincipalError, match="no principal nobody"):
        await change_principals(dsn, lambda store: rotate_key(store, "nobody", overlap=DAY))
    with pytest.raises(PrincipalError, match="no key 123"):
        await change_principals(dsn, lambda store: revoke_key(store, "123"))
