"""Interactions into customers: resolve, lock, append, fold, store; one transaction that may be run again."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from services.profiles.codec import CustomerCodec
from services.profiles.domain.archive import Archive, ChangedCustomer, Identity, StoredCustomer, TimelineRow
from services.profiles.domain.entities import Customer, new_customer
from services.profiles.domain.membership import LINKS, plan_merges
from services.profiles.domain.policy import Policy
from services.profiles.domain.profiles import apply, in_order, merged, recompute, recompute_reason, settle
from services.profiles.metrics import ProfileMetrics
from shared.clock import Clock, pause
from shared.contracts import Interaction, Snapshot
from shared.errors import StaleReadError
from shared.ids import customer_id_of, next_version
from shared.pipeline import Outcome, Publication, Received, append_to_publish
from shared.postgres import Connection

# Folding is pure CPU: let heartbeats and database answers in between.
CUSTOMERS_BETWEEN_YIELDS = 250

Records = Sequence[Received[Interaction]]


class ProfileHandlers:
    """What happens to customers when interactions arrive, and when time passes."""

    def __init__(
        self, *, store: Callable[[Connection], Archive], clock: Clock, policy: Policy, metrics: ProfileMetrics
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._metrics = metrics
        self._codec = CustomerCodec()
        self._decode_interaction = msgspec.json.Decoder(Interaction).decode

    async def on_interactions(self, connection: Connection, records: Records) -> Outcome:
        """Fold a batch in. Publishes every customer a record belongs to, changed or not; what merges change is owed."""
        store = self._store(connection)
        owners, locked = await self._lock_owners(store, records)
        fresh = await self._append(store, records)
        now, micros = self._clock.now(), await store.get_database_micros()
        merges = plan_merges((owners[one.subject], owners[one.data["reference"]]) for one in fresh if _links(one))
        touched = {owners[one.value.subject] for one in records}
        arrived = defaultdict(list)
        for interaction in fresh:
            customer_id = owners[interaction.subject]
            arrived[merges.get(customer_id, customer_id)].append(interaction)
        changed = await self._fold(store, arrived, locked, owners, merges, now)
        written = [self._write(locked[one.customer_id], one, now, micros, correlation) for one, correlation in changed]
        if written:
            await store.update_customers(written)
        published = {merges.get(customer_id, customer_id) for customer_id in touched}
        # Only a merge changes customers that none of the records belongs to.
        if owed := {one.customer_id: one.version for one in written if one.customer_id not in published}:
            await append_to_publish(connection, owed)
        return Outcome(
            publications=_publications(published, locked, written),
            applied=len(fresh),
            duplicate=len(records) - len(fresh),
        )

    async def on_due(self, connection: Connection, now: datetime, limit: int) -> int:
        """Bring customers whose lifecycle is due up to `now`; returns how many. They are owed to the topic."""
        store = self._store(connection)
        due = {one.customer_id: one for one in await store.claim_due_customers(now, limit)}
        if not due:
            return 0
        micros = await store.get_database_micros()
        written = []
        again = []
        for stored in due.values():
            snapshot = self._codec.decode(stored.snapshot)
            if recompute_reason(snapshot.data, None, self._policy):
                again.append(snapshot.data)
                continue
            settle(snapshot.data, self._policy, now)
            written.append(self._write(stored, snapshot.data, now, micros, snapshot.correlationid))
        recomputed = await self._recompute(store, {one.customer_id: one.references for one in again}, now)
        written += [self._write(due[one.customer_id], one, now, micros, "") for one in recomputed]
        await store.update_customers(written)
        await append_to_publish(connection, {one.customer_id: one.version for one in written})
        return len(written)

    async def _lock_owners(self, store: Archive, records: Records) -> tuple[dict[str, str], dict[str, StoredCustomer]]:
        """Whose every reference is, and those customers' rows, locked. References seen first get a customer."""
        references = {one.value.subject for one in records}
        references.update(one.value.data["reference"] for one in records if _links(one.value))
        members = await store.get_references(sorted(references))
        owners = {reference: member.customer_id for reference, member in members.items()}
        if unknown := {one: customer_id_of(one) for one in sorted(references - members.keys())}:
            if await store.insert_references(unknown) != len(unknown):
                raise StaleReadError("another process met a reference first")
            owners |= unknown
        locked = await store.lock_customers(set(owners.values()))
        for member in members.values():
            if locked[member.customer_id].membership_version != member.membership_version:
                raise StaleReadError("a customer was merged meanwhile")
        return owners, locked

    async def _append(self, store: Archive, records: Records) -> list[Interaction]:
        """Store what is new, each identity once; returns it. Another body under a known identity is kept aside."""
        first: dict[Identity, int] = {}
        rows: list[TimelineRow] = []
        repeated: list[int] = []
        for ordinal, record in enumerate(records):
            one = record.value
            identity = (one.subject, one.source, one.id)
            if first.setdefault(identity, ordinal) == ordinal:
                rows.append((ordinal, *identity, one.time, record.raw))
            else:
                repeated.append(ordinal)
        known = await store.append_interactions(rows)
        if known or repeated:
            await self._keep_conflicts(store, records, sorted(known) + repeated)
        return (
            [records[row[0]].value for row in rows if row[0] not in known]
            if known
            else [records[row[0]].value for row in rows]
        )

    async def _keep_conflicts(self, store: Archive, records: Records, ordinals: Sequence[int]) -> None:
        duplicates = [(_identity(records[ordinal].value), records[ordinal]) for ordinal in ordinals]
        stored = await store.list_bodies(sorted({identity for identity, _ in duplicates}))
        conflicts = {
            identity: record.raw
            for identity, record in duplicates
            if not _says_the_same(self._decode_interaction(stored[identity]), record.value)
        }
        if conflicts:
            self._metrics.conflicts.inc(len(conflicts))
            await store.append_conflicts(conflicts)

    async def _fold(
        self,
        store: Archive,
        arrived: Mapping[str, list[Interaction]],
        locked: Mapping[str, StoredCustomer],
        owners: Mapping[str, str],
        merges: Mapping[str, str],
        now: datetime,
    ) -> list[tuple[Customer, str]]:
        """Every customer that changed, with the correlation id of what changed it last."""
        again: dict[str, list[str]] = {}
        changed: list[tuple[Customer, str]] = []
        if merges:
            changed += [(merged(loser, winner, now), "") for loser, winner in merges.items()]
            await store.merge_customers(merges)
            again |= await store.list_references(sorted(set(merges.values())))
        references = {customer_id: reference for reference, customer_id in owners.items()}
        for index, (customer_id, interactions) in enumerate(arrived.items(), start=1):
            if index % CUSTOMERS_BETWEEN_YIELDS == 0:
                await pause(0)
            if customer_id in again:
                continue
            facts = in_order(interactions) if len(interactions) > 1 else interactions
            snapshot = locked[customer_id].snapshot
            customer = (
                self._codec.decode(snapshot).data if snapshot else new_customer(customer_id, [references[customer_id]])
            )
            if reason := recompute_reason(customer, facts[0], self._policy):
                self._metrics.recomputed.labels(reason=reason).inc()
                again[customer_id] = customer.references
                continue
            apply(customer, facts, self._policy, now)
            changed.append((customer, facts[-1].correlationid))
        for customer in await self._recompute(store, again, now):
            latest = arrived.get(customer.customer_id)
            changed.append((customer, latest[-1].correlationid if latest else ""))
        return changed

    async def _recompute(self, store: Archive, customers: Mapping[str, list[str]], now: datetime) -> list[Customer]:
        """Customers from the timeline of their references, as if nothing had been known of them."""
        if not customers:
            return []
        owner = {reference: customer_id for customer_id, names in customers.items() for reference in names}
        facts: dict[str, list[Interaction]] = {customer_id: [] for customer_id in customers}
        for body in await store.list_timelines(sorted(owner)):
            interaction = self._decode_interaction(body)
            facts[owner[interaction.subject]].append(interaction)
        return [
            recompute(customer_id, names, facts[customer_id], self._policy, now)
            for customer_id, names in customers.items()
        ]

    def _write(
        self, stored: StoredCustomer, customer: Customer, now: datetime, micros: int, correlation: str
    ) -> ChangedCustomer:
        version = next_version(stored.version, micros)
        snapshot = Snapshot(
            id=f"{customer.customer_id}:{version}",
            source="ebbtide/profiles",
            type="ebbtide.profile",
            subject=customer.customer_id,
            time=now,
            version=version,
            correlationid=correlation,
            data=customer,
        )
        return ChangedCustomer(customer.customer_id, version, customer.next_transition_at, self._codec.encode(snapshot))


def _links(interaction: Interaction) -> bool:
    return interaction.type in LINKS and isinstance(interaction.data.get("reference"), str)


def _identity(interaction: Interaction) -> Identity:
    return interaction.subject, interaction.source, interaction.id


def _says_the_same(one: Interaction, other: Interaction) -> bool:
    """Whether two bodies under one identity differ only in how they came."""
    return (one.time, one.type, one.data, one.pii) == (other.time, other.type, other.data, other.pii)


def _publications(
    touched: Iterable[str], locked: Mapping[str, StoredCustomer], written: Iterable[ChangedCustomer]
) -> list[Publication]:
    current = {one.customer_id: Publication(one.customer_id, one.version, one.snapshot) for one in written}
    publications = []
    for customer_id in touched:
        stored = locked[customer_id]
        if publication := current.get(customer_id):
            publications.append(publication)
        elif stored.snapshot:
            publications.append(Publication(customer_id, stored.version, stored.snapshot))
    return publications
