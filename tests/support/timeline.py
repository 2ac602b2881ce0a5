"""A tiny language for stories: somebody does something on a day, time passes, and then this is so.

    story = Timeline(world, "shop:1")
    await story.post("purchase")
    await story.until(90, seconds=1)
    [alert] = await story.alerts("no-purchase-90d")

Days are counted from the instant at which the story begins. Every step waits until all services are at rest.
"""

import itertools
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from shared.ids import customer_id_of
from tests.support.builders import DAY
from tests.support.world import World

_ids = itertools.count(1)


class Timeline:
    """The story of one customer in a world."""

    def __init__(self, world: World, reference: str) -> None:
        self.world = world
        self.reference = reference
        self.start = world.clock.now()

    @property
    def customer_id(self) -> str:
        return customer_id_of(self.reference)

    @property
    def address(self) -> str:
        """Where the customer's mail goes."""
        return f"{self.reference.replace(':', '-')}@customers.example"

    def day(self, number: float, *, seconds: float = 0) -> datetime:
        """The instant so many days (and seconds) after the story began."""
        return self.start + number * DAY + timedelta(seconds=seconds)

    async def introduce(self, *, owner: str = "ben", locale: str = "en", consent: bool = True) -> None:
        """The customer has a name, an address, an account owner, and a word on marketing mail."""
        pii = {"name": "Jo", "email": self.address}
        await self.world.post(
            [
                self.event("identified", data={"locale": locale}, pii=pii),
                self.event("consent", data={"channel": "email", "purpose": "marketing", "granted": consent}),
                self.event("owner.assigned", data={"owner": owner}),
            ]
        )
        await self.world.rest()

    async def post(
        self, kind: str, *, day: float | None = None, correlation_id: str | None = None, **data: Any
    ) -> None:
        """`customer.<kind>` happens: now, or (told only now) on `day`."""
        if kind == "purchase":
            data = {"amount": "10.00", "currency": "USD"} | data
        await self.world.post([self.event(kind, day=day, data=data)], correlation_id=correlation_id)
        await self.world.rest()

    async def until(self, day: float, *, seconds: float = 0) -> None:
        """Time passes up to this instant; whatever is due on the way happens at its time."""
        await self.world.move_to(self.day(day, seconds=seconds))

    async def alerts(self, rule: str | None = None) -> list[dict[str, Any]]:
        """The customer's alerts, newest first."""
        more = {"rule": rule} if rule else {}
        found = await self.world.get("alerts", "/v1/alerts", customer_id=self.customer_id, **more)
        return list(found["items"])

    async def act(self, alert: dict[str, Any], act: str, **body: Any) -> dict[str, Any]:
        """A person acknowledges, snoozes or resolves an alert."""
        body = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in body.items()}
        after: dict[str, Any] = await self.world.act("alerts", f"/v1/alerts/{alert['alert_id']}/{act}", body)
        await self.world.rest()
        return after

    async def score(self, kind: str = "churn_risk") -> dict[str, Any]:
        """How the customer is doing now."""
        found = await self.world.get("scoring", f"/v1/scores/{self.customer_id}")
        score: dict[str, Any] = found["kinds"][kind]
        return score

    async def profile(self) -> dict[str, Any]:
        """The customer's record."""
        found: dict[str, Any] = await self.world.get("profiles", f"/v1/customers/{self.customer_id}")
        return found

    async def notifications(self) -> dict[tuple[str, str, str], str]:
        """(rule, transition, step) to `sent`, or to the reason for which it was not; newest cause wins."""
        found = await self.world.get("notify", "/v1/notifications", customer_id=self.customer_id, limit=1000)
        return {
            (one["rule_id"], one["transition"], one["step"]): one["reason"] or one["status"]
            for one in reversed(found["items"])
        }

    def mails(self, address: str | None = None) -> list[EmailMessage]:
        """What arrived at an address (the customer's own by default), oldest first."""
        return self.world.mailbox.to(address or self.address)

    def event(
        self,
        kind: str,
        *,
        day: float | None = None,
        data: dict[str, Any] | None = None,
        pii: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """An event as a company system emits it."""
        time = self.world.clock.now() if day is None else self.day(day)
        event = {
            "specversion": "1.0",
            "id": f"e{next(_ids)}",
            "source": "shop",
            "type": f"customer.{kind}",
            "subject": self.reference,
            "time": time.isoformat(),
            "data": data or {},
        }
        return event | ({"pii": pii} if pii else {})
