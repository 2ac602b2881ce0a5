"""Interactions into customers: resolve, lock, append, fold, store; one transaction that may be run again."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from services.profiles.codec import CustomerCodec
from services.profiles.domain.archive import Archive, ChangedCustomer, StoredCustomer
from services.profiles.domain.membership import LINKS, plan_merges
from services.profiles.domain.names import NameIndex, names_of
from services.profiles.domain.policy import Policy
from services.profiles.domain.profiles import recompute_reason, settle
from services.profiles.handlers.folding import Folded, Folding
from services.profiles.handlers.timeline import Records, Timeline
from services.profiles.metrics import ProfileMetrics
from shared.clock import Clock
from shared.contracts import Interaction, Snapshot
from shared.errors import StaleReadError
from shared.ids import customer_id_of, next_version
from shared.pipeline import Outcome, Publication, append_to_publish
from shared.postgres import Connection

# What may give or take a name.
NAMING = frozenset({"customer.identified", "customer.erased"})


class ProfileHandlers:
    """What happens to customers when interactions arrive, and when time passes."""

    def __init__(
        self,
        *,
        store: Callable[[Connection], Archive],
        clock: Clock,
        settled: Clock,
        policy: Policy,
        names: NameIndex,
        metrics: ProfileMetrics,
    ) -> None:
        """`settled` is the clock by which customers drift away."""
        self._store = store
        self._clock = clock
        self._settled = settled
        self._policy = policy
        self._names = names
        self._codec = CustomerCodec()
        self._timeline = Timeline(metrics)
        self._folding = Folding(self._codec, policy, metrics)

    async def on_interactions(self, connection: Connection, records: Records) -> Outcome:
        """Fold a batch in. Publishes every customer a record belongs to, changed or not; what merges change is owed."""
        store = self._store(connection)
        owners, locked = await self._lock_owners(store, records)
        fresh = await self._timeline.append(store, records)
        now, micros = self._clock.now(), await store.get_database_micros()
        merges = plan_merges((owners[one.subject], owners[one.data["reference"]]) for one in fresh if _links(one))
        touched = {owners[one.value.subject] for one in records}
        arrived = defaultdict(list)
        for interaction in fresh:
            customer_id = owners[interaction.subject]
            arrived[merges.get(customer_id, customer_id)].append(interaction)
        folded: list[Folded] = []
        again: dict[str, list[str]] = {}
        if merges:
            folded += await self._folding.merge(store, merges, now)
            again = await store.list_references(sorted(set(merges.values())))
        settled_at = self._settled.now()
        folded += await self._folding.fold(store, arrived, locked=locked, again=again, settled_at=settled_at)
        await self._index_names(store, arrived, merges, folded=folded, locked=locked)
        written = [self._write(locked[one.customer.customer_id], one, now, micros) for one in folded]
        if written:
            await store.update_customers(written)
            await self._folding.keep_checkpoints(store, folded, written)
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
        """Bring customers whose lifecycle is due up to `now`, an instant of the settled clock; returns how many.

        They are owed to the topic.
        """
        store = self._store(connection)
        due = {one.customer_id: one for one in await store.claim_due_customers(now, limit)}
        if not due:
            return 0
        micros = await store.get_database_micros()
        folded = []
        again = {}
        for stored in due.values():
            snapshot = self._codec.decode(stored.snapshot)
            if recompute_reason(snapshot.data, None, self._policy):
                again[stored.customer_id] = snapshot.data.references
                continue
            settle(snapshot.data, self._policy, now)
            size = snapshot.data.aggregates.interactions
            folded.append(Folded(snapshot.data, snapshot.correlationid, size))
        folded += [Folded(one, "", 0) for one in await self._folding.recompute(store, again, now)]
        written = [self._write(due[one.customer.customer_id], one, now, micros) for one in folded]
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

    async def _index_names(
        self,
        store: Archive,
        arrived: Mapping[str, list[Interaction]],
        merges: Mapping[str, str],
        *,
        folded: Iterable[Folded],
        locked: Mapping[str, StoredCustomer],
    ) -> None:
        """Let customers be found by their new names. Costs nothing where nobody was identified and nobody merged."""
        asked = {one for one, facts in arrived.items() if any(fact.type in NAMING for fact in facts)}
        asked.update(merges, merges.values())
        renamed = {}
        for customer, *_ in folded if asked else ():
            if customer.customer_id in asked:
                names, snapshot = names_of(customer), locked[customer.customer_id].snapshot
                if names != (names_of(self._codec.decode(snapshot).data) if snapshot else ()):
                    renamed[customer.customer_id] = self._names.tokens_of(names)
        if renamed:
            await store.update_names(renamed)

    def _write(self, stored: StoredCustomer, folded: Folded, now: datetime, micros: int) -> ChangedCustomer:
        customer = folded.customer
        version = next_version(stored.version, micros)
        snapshot = Snapshot(
            id=f"{customer.customer_id}:{version}",
            source="ebbtide/profiles",
            type="ebbtide.profile",
            subject=customer.customer_id,
            time=now,
            version=version,
            correlationid=folded.correlation,
            data=customer,
        )
        return ChangedCustomer(customer.customer_id, version, customer.next_transition_at, self._codec.encode(snapshot))


def _links(interaction: Interaction) -> bool:
    return interaction.type in LINKS and isinstance(interaction.data.get("reference"), str)


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
