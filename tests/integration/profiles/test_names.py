"""Customers found by name, as the name changes, merges and is not there."""

import msgspec

from services.profiles.domain.names import NameIndex
from services.profiles.http import routes
from services.profiles.store import ProfileStore
from shared.access import Directory, new_key
from shared.application import Application
from shared.clock import real_now
from shared.contracts import AccessKey, Interaction, Pii, Principal, Snapshot
from shared.http.app import create_app
from shared.ids import customer_id_of
from shared.kafka.topics import INTERACTIONS
from tests.support.asgi import call
from tests.support.builders import day, interaction, record
from tests.support.stack import SECRET, Lease
from tests.support.topics import publish
from tests.support.waiting import eventually


def identified(reference: str, at: float, **pii: str) -> Interaction:
    one = interaction("customer.identified", subject=reference, time=day(at))
    return msgspec.structs.replace(one, pii=Pii(value=dict(pii)))


class Search:
    """The API of a running service, asked by somebody who may read customers."""

    def __init__(self, profiles: Application) -> None:
        key, now, directory = new_key(), real_now(), Directory()
        entry = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=now)
        who = Principal(principal_id="p", name="p", kind="person", scopes=("customers:read",), keys=(entry,))
        told = Snapshot(id="p:1", source="tests", type="tests", subject="p", time=now, version=1, data=who)
        directory.apply("p", msgspec.json.encode(told))
        directory.loaded = True
        self._key = key.secret
        self._app = create_app(
            "profiles", "", directory, [routes(profiles.database, ProfileStore, NameIndex(SECRET.encode()))]
        )

    async def get(self, query: str) -> tuple[int, list[str]]:
        answer = await call(
            self._app, "GET", f"/v1/customers?{query}", headers={"authorization": f"Bearer {self._key}"}
        )
        return answer.status, sorted(one["customer_id"] for one in answer.json().get("items", []))

    async def until(self, query: str, *references: str) -> None:
        wanted = (200, sorted(map(customer_id_of, references)))

        async def there() -> bool:
            return await self.get(query) == wanted

        await eventually(there, what=f"{query} giving {references}")


async def test_customers_are_found_by_the_names_they_have_now(lease: Lease, profiles: Application) -> None:
    """A new name replaces the old one, a merge takes it along, and who was never named costs nothing."""
    search = Search(profiles)
    told = [
        identified("shop:1", 1, name="Ada Brandt"),
        identified("shop:2", 1, first_name="Ada", last_name="Miller"),
        identified("shop:3", 1, name="王小明"),
        identified("shop:4", 1, email="ada@example.net"),
        interaction(subject="shop:5", time=day(1)),
    ]
    await publish(lease, INTERACTIONS, [record(one) for one in told])
    await search.until("name=ada", "shop:1", "shop:2")
    await search.until("name=mil%20ada", "shop:2")
    await search.until("name=%E5%B0%8F%E6%98%8E", "shop:3")
    assert len((await search.get("name=ada&limit=1"))[1]) == 1
    assert await search.get("name=%3F") == (200, [])
    assert [(await search.get(bad))[0] for bad in ("", "name=ada&reference=shop:1", "name=ada&limit=0")] == [422] * 3
    async with profiles.database.connection() as connection:
        assert await connection.fetchval("select count(*) from customer_names") == 3
        assert "ada" not in str([dict(row) for row in await connection.fetch("select * from customer_names")]).lower()

    await publish(lease, INTERACTIONS, [record(identified("shop:1", 2, name="Ada Lovelace"))])
    await search.until("name=lovelace", "shop:1")
    assert await search.get("name=brandt") == (200, [])
    # An older name that comes late changes nothing, though the customer is computed again.
    late = [identified("shop:1", 1.5, name="Ada Byron"), interaction(subject="shop:6", time=day(1))]
    await publish(lease, INTERACTIONS, [record(one) for one in late])

    winner, loser = sorted(("shop:1", "shop:2"), key=customer_id_of)
    link = interaction("customer.linked", subject="shop:1", time=day(3), reference="shop:2")
    await publish(lease, INTERACTIONS, [record(link)])
    # First and last name are fields of their own, so both customers' names are the winner's now.
    await search.until("name=miller", winner)
    await search.until("name=lovelace", winner)
    assert (await search.get("name=byron"))[1] == []
    async with profiles.database.connection() as connection:
        kept = {str(row["customer_id"]) for row in await connection.fetch("select customer_id from customer_names")}
    assert kept == {customer_id_of(winner), customer_id_of("shop:3")}
    assert customer_id_of(loser) not in kept
