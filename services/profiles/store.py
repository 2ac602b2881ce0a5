"""The archive in PostgreSQL: named queries, rows to values and back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from services.profiles.domain.archive import ChangedCustomer, Checkpoint, Identity, Membership, StoredCustomer
from shared.postgres import Store, load_queries

SQL = Path(__file__).parent / "sql"
_QUERIES = load_queries(SQL / "queries.sql")

_STAGED = ("ordinal", "reference", "source", "id", "occurred_at", "body")


class ProfileStore(Store):
    """One unit of work on the archive."""

    async def get_references(self, references: Sequence[str]) -> dict[str, Membership]:
        rows = await self.connection.fetch(_QUERIES.get_references, references)
        return {reference: Membership(str(customer), version) for reference, customer, version in rows}

    async def insert_references(self, owners: Mapping[str, str]) -> int:
        """Reference to customer id; returns how many were new. Creates the customers' rows first."""
        await self.connection.execute(_QUERIES.insert_customers, sorted(set(owners.values())))
        return len(await self.connection.fetch(_QUERIES.insert_references, list(owners), list(owners.values())))

    async def lock_customers(self, customer_ids: Iterable[str]) -> dict[str, StoredCustomer]:
        """In key order, which is the lock order everywhere."""
        rows = await self.connection.fetch(_QUERIES.lock_customers, sorted(customer_ids))
        return {str(row[0]): StoredCustomer(str(row[0]), *row[1:]) for row in rows}

    async def claim_due_customers(self, now: datetime, limit: int) -> list[StoredCustomer]:
        rows = await self.connection.fetch(_QUERIES.claim_due_customers, now, limit)
        return [StoredCustomer(str(row[0]), *row[1:]) for row in rows]

    async def get_database_micros(self) -> int:
        return int(await self.connection.fetchval(_QUERIES.get_database_micros))

    async def append_interactions(self, rows: Sequence[tuple[int, str, str, str, datetime, bytes]]) -> set[int]:
        """Rows of (ordinal, reference, source, id, occurred_at, body), each identity once.

        Returns the ordinals of those that were known already and stay as they are.
        """
        await self.connection.execute(_QUERIES.create_staging)
        await self.connection.copy_records_to_table("staged_interactions", records=rows, columns=_STAGED)
        return {row[0] for row in await self.connection.fetch(_QUERIES.append_staged)}

    async def list_bodies(self, identities: Sequence[Identity]) -> dict[Identity, bytes]:
        rows = await self.connection.fetch(_QUERIES.list_bodies, *map(list, zip(*identities, strict=True)))
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    async def append_conflicts(self, conflicts: Mapping[Identity, bytes]) -> None:
        columns = map(list, zip(*conflicts, strict=True))
        await self.connection.execute(_QUERIES.append_conflicts, *columns, list(conflicts.values()))

    async def list_timelines(
        self, references: Sequence[str], *, after: tuple[datetime, str, str] | None = None
    ) -> list[bytes]:
        """Bodies in no order; those behind (occurred_at, source, id) `after`, or all."""
        place = after or (None, None, None)
        return [row[0] for row in await self.connection.fetch(_QUERIES.list_timelines, references, *place)]

    async def append_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        await self.connection.execute(
            _QUERIES.append_checkpoints,
            [one.customer_id for one in checkpoints],
            [one.interactions for one in checkpoints],
            [one.order[0] for one in checkpoints],
            [one.order[1] for one in checkpoints],
            [one.order[2] for one in checkpoints],
            [one.snapshot for one in checkpoints],
        )

    async def take_back_checkpoints(self, customer_id: str, order: tuple[datetime, str, str]) -> Checkpoint | None:
        """Delete those that are not before `order`; returns the last that is left."""
        await self.connection.execute(_QUERIES.delete_checkpoints_from, customer_id, *order)
        row = await self.connection.fetchrow(_QUERIES.get_last_checkpoint, customer_id)
        return Checkpoint(str(row[0]), row[1], (row[2], row[3], row[4]), row[5]) if row else None

    async def delete_checkpoints(self, customer_ids: Sequence[str]) -> None:
        await self.connection.execute(_QUERIES.delete_checkpoints, customer_ids)

    async def list_checkpoint_sizes(self, customer_ids: Sequence[str]) -> dict[str, list[int]]:
        """After how many interactions each customer has one."""
        sizes: dict[str, list[int]] = {customer_id: [] for customer_id in customer_ids}
        for customer_id, interactions in await self.connection.fetch(_QUERIES.list_checkpoint_sizes, customer_ids):
            sizes[str(customer_id)].append(interactions)
        return sizes

    async def prune_checkpoints(self, sizes: Mapping[str, Sequence[int]]) -> None:
        """Delete these."""
        pairs = [(customer_id, size) for customer_id, several in sizes.items() for size in several]
        if pairs:
            await self.connection.execute(_QUERIES.prune_checkpoints, *map(list, zip(*pairs, strict=True)))

    async def update_customers(self, customers: Sequence[ChangedCustomer]) -> None:
        await self.connection.execute(
            _QUERIES.update_customers,
            [one.customer_id for one in customers],
            [one.version for one in customers],
            [one.next_transition_at for one in customers],
            [one.snapshot for one in customers],
        )

    async def list_references(self, customer_ids: Sequence[str]) -> dict[str, list[str]]:
        """Customer id to its references, sorted."""
        found: dict[str, list[str]] = {customer_id: [] for customer_id in customer_ids}
        for reference, customer_id in await self.connection.fetch(_QUERIES.list_references, customer_ids):
            found[str(customer_id)].append(reference)
        return found

    async def merge_customers(self, merges: Mapping[str, str]) -> None:
        """Loser to winner: references move, and whoever resolved against the old membership has to look again."""
        await self.connection.execute(_QUERIES.move_references, list(merges), list(merges.values()))
        touched = sorted({*merges, *merges.values()})
        await self.connection.execute(_QUERIES.raise_membership_versions, touched)

    async def update_names(self, tokens: Mapping[str, Iterable[bytes]]) -> None:
        """Customer id to everything it is found by from now on; nothing for who has no name any more."""
        pairs = [(customer_id, token) for customer_id in sorted(tokens) for token in tokens[customer_id]]
        named = {customer_id for customer_id, _ in pairs}
        if nameless := sorted(tokens.keys() - named):
            await self.connection.execute(_QUERIES.delete_names, nameless)
        if pairs:
            await self.connection.execute(_QUERIES.upsert_names, *map(list, zip(*pairs, strict=True)))

    async def list_customers_named(self, tokens: Sequence[bytes], limit: int) -> list[tuple[int, bytes]]:
        rows = await self.connection.fetch(_QUERIES.list_customers_named, tokens, limit)
        return [(row[0], row[1]) for row in rows]

    async def get_versions(self, entity_ids: Sequence[str]) -> dict[str, int]:
        return {str(row[0]): row[1] for row in await self.connection.fetch(_QUERIES.get_versions, entity_ids)}

    async def get_snapshots(self, entity_ids: Sequence[str]) -> list[tuple[str, int, bytes | None]]:
        rows = await self.connection.fetch(_QUERIES.get_snapshots, entity_ids)
        return [(str(row[0]), row[1], row[2]) for row in rows]

    async def append_owed(self, after: str, limit: int) -> str | None:
        """Owe the topic the next so many entities in key order; returns the last, None when there are no more."""
        last = await self.connection.fetchval(_QUERIES.append_owed, after, limit)
        return str(last) if last is not None else None

    async def get_customer(self, customer_id: str) -> tuple[int, bytes] | None:
        row = await self.connection.fetchrow(_QUERIES.get_customer, customer_id)
        return (row[0], row[1]) if row else None

    async def get_customer_id(self, reference: str) -> str | None:
        found = await self.connection.fetchval(_QUERIES.get_customer_id, reference)
        return str(found) if found else None

    async def list_timeline(
        self, references: Sequence[str], *, after: tuple[datetime, str, str, str] | None, backwards: bool, limit: int
    ) -> list[bytes]:
        query = _QUERIES.list_timeline_backwards if backwards else _QUERIES.list_timeline
        rows = await self.connection.fetch(query, references, *(after or (None, None, None, None)), limit)
        return [row[0] for row in rows]

    async def count_timeline(self, references: Sequence[str]) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_timeline, references))

    async def find_interactions(self, id: str, *, source: str | None, reference: str | None) -> list[tuple[bytes, str]]:
        """(body, customer id) of those with this id. Without a reference the whole archive is read."""
        if reference is not None:
            rows = await self.connection.fetch(_QUERIES.get_interactions, reference, id, source)
        else:
            rows = await self.connection.fetch(_QUERIES.find_interactions, id, source)
        return [(row[0], str(row[1])) for row in rows]
