"""What the archive is asked and answers: the values between handlers and store."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from services.profiles.domain.entities import Customer

# Who said what: (reference, source, id).
Identity = tuple[str, str, str]

# (ordinal, reference, source, id, occurred_at, body)
TimelineRow = tuple[int, str, str, str, datetime, bytes]


class Membership(NamedTuple):
    """Whose a reference was when it was looked up."""

    customer_id: str
    membership_version: int


class StoredCustomer(NamedTuple):
    """A locked row. `snapshot` is empty for a customer just created."""

    customer_id: str
    version: int
    membership_version: int
    snapshot: bytes


class ChangedCustomer(NamedTuple):
    """A row to write."""

    customer_id: str
    version: int
    next_transition_at: datetime | None
    snapshot: bytes


class Checkpoint(NamedTuple):
    """A customer as they were after so many interactions, the last of them at `order`: (occurred_at, source, id)."""

    customer_id: str
    interactions: int
    order: tuple[datetime, str, str]
    snapshot: bytes

    @classmethod
    def of(cls, customer: Customer, snapshot: bytes) -> "Checkpoint":
        """The customer as they are now, of whom something has been folded in."""
        newest = customer.watermark
        assert newest is not None
        order = (newest.time, newest.source, newest.id)
        return cls(customer.customer_id, customer.aggregates.interactions, order, snapshot)


class Shelf(Protocol):
    """What reading the archive needs; `store.ProfileStore` says what each call does."""

    async def get_customer(self, customer_id: str) -> tuple[int, bytes] | None: ...

    async def get_customer_id(self, reference: str) -> str | None: ...

    async def list_customers_named(self, tokens: Sequence[bytes], limit: int) -> list[tuple[int, bytes]]: ...

    async def list_timeline(
        self, references: Sequence[str], *, after: tuple[datetime, str, str, str] | None, backwards: bool, limit: int
    ) -> list[bytes]: ...

    async def count_timeline(self, references: Sequence[str]) -> int: ...

    async def find_interactions(
        self, id: str, *, source: str | None, reference: str | None
    ) -> list[tuple[bytes, str]]: ...


class Archive(Protocol):
    """One unit of work; `store.ProfileStore` says what each call does."""

    async def get_references(self, references: Sequence[str]) -> dict[str, Membership]: ...

    async def insert_references(self, owners: Mapping[str, str]) -> int: ...

    async def lock_customers(self, customer_ids: Iterable[str]) -> dict[str, StoredCustomer]: ...

    async def claim_due_customers(self, now: datetime, limit: int) -> list[StoredCustomer]: ...

    async def get_database_micros(self) -> int: ...

    async def append_interactions(self, rows: Sequence[TimelineRow]) -> set[int]: ...

    async def list_bodies(self, identities: Sequence[Identity]) -> dict[Identity, bytes]: ...

    async def append_conflicts(self, conflicts: Mapping[Identity, bytes]) -> None: ...

    async def list_timelines(
        self, references: Sequence[str], *, after: tuple[datetime, str, str] | None = None
    ) -> list[bytes]: ...

    async def update_customers(self, customers: Sequence[ChangedCustomer]) -> None: ...

    async def list_references(self, customer_ids: Sequence[str]) -> dict[str, list[str]]: ...

    async def update_names(self, tokens: Mapping[str, Iterable[bytes]]) -> None: ...

    async def append_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None: ...

    async def take_back_checkpoints(self, customer_id: str, order: tuple[datetime, str, str]) -> Checkpoint | None: ...

    async def delete_checkpoints(self, customer_ids: Sequence[str]) -> None: ...

    async def list_checkpoint_sizes(self, customer_ids: Sequence[str]) -> dict[str, list[int]]: ...

    async def prune_checkpoints(self, sizes: Mapping[str, Sequence[int]]) -> None: ...

    async def merge_customers(self, merges: Mapping[str, str]) -> None: ...
