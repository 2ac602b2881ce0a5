"""What the people of the fault run do: purchases, visits, complaints, links between their references, in no order."""

import random
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

CUSTOMERS = 300
# Every tenth customer was last seen a little more than 90 days ago, so that silence alerts are about this week.
SILENT = 10
# The customer who may be everybody: not silent, and of four references, on as many partitions.
CROWDED = 3
_CROWDED_SHARE = 0.9
# Of one customer, so that its history is not cut.
_MOST_COMPLAINTS = 150
_DAY = timedelta(days=1)


class Crowd:
    """An endless, seeded stream of events. Cases are the complaint's own, so each is resolved at most once."""

    def __init__(self, seed: int, now: datetime) -> None:
        self._chance = random.Random(seed)
        self._now = now
        self._number = 0
        self._told: list[dict[str, Any]] = []
        self._to_come: deque[dict[str, Any]] = deque()
        self._open: list[dict[str, Any]] = []
        self._crowded = False
        self._complaints: Counter[int] = Counter()

    def batch(self, size: int) -> list[dict[str, Any]]:
        """The next events; some were told before."""
        return [self._next() for _ in range(size)]

    def introductions(self) -> Iterator[dict[str, Any]]:
        """Who the silent customers are, and that they want mail."""
        for number in range(0, CUSTOMERS, SILENT):
            yield from self._introduction(f"shop:{number}")

    def canaries(self, count: int) -> list[dict[str, Any]]:
        """Somebody new on (nearly) every partition buys and complains now."""
        events = []
        for _ in range(count):
            reference = f"canary:{self._number}"
            events.append(self._event("purchase", reference, self._ago(0, 0), {"amount": "1.00", "currency": "USD"}))
            events.append(self._event("complaint.opened", reference, self._ago(0, 0), {"case": f"k{self._number}"}))
        return events

    @contextmanager
    def crowding(self) -> Iterator[None]:
        """Meanwhile nearly everything is a purchase or a visit of one customer."""
        self._crowded = True
        try:
            yield
        finally:
            self._crowded = False

    def _next(self) -> dict[str, Any]:
        chance = self._chance
        if self._crowded and chance.random() < _CROWDED_SHARE:
            return self._purchase(chance.choice(references_of(CROWDED)), (0.1, 40))
        if self._to_come and chance.random() < 0.05:
            return self._to_come.popleft()
        dice = chance.random()
        if dice < 0.04 and self._told:
            return chance.choice(self._told)
        if dice < 0.10 and self._open:
            event = self._resolution(self._open.pop(chance.randrange(len(self._open))))
        else:
            event = self._deed(dice)
        self._told.append(event)
        return event

    def _deed(self, dice: float) -> dict[str, Any]:
        chance = self._chance
        if dice > 0.995:  # was here once, long ago: is written to, whatever breaks by then
            reference = f"lost:{self._number}"
            self._to_come += [*self._introduction(reference), self._purchase(reference, (91, 96))]
            return self._to_come.popleft()
        if dice > 0.75:  # comes once: nothing that happens later hides what was lost
            return self._purchase(f"guest:{self._number}", (0.1, 40))
        number = int(CUSTOMERS * chance.random() ** 1.3)  # some are met often
        references = references_of(number)
        reference = chance.choice(references)
        if dice < 0.18 and self._complaints[number] < _MOST_COMPLAINTS:
            self._complaints[number] += 1
            event = self._event("complaint.opened", reference, self._ago(0.1, 10), {"case": f"k{self._number}"})
            self._open.append(event)
            return event
        if dice < 0.26:
            return self._event("linked", reference, self._ago(0.1, 40), {"reference": chance.choice(references)})
        span = (91, 96) if number % SILENT == 0 else (0.1, 40)
        if dice < 0.34 and number % SILENT:
            return self._event("visit", reference, self._ago(*span), {"channel": "web"})
        return self._purchase(reference, span)

    def _purchase(self, reference: str, span: tuple[float, float]) -> dict[str, Any]:
        amount = f"{self._chance.randint(1, 99)}.{self._chance.randint(0, 99):02}"
        return self._event("purchase", reference, self._ago(*span), {"amount": amount, "currency": "USD"})

    def _introduction(self, reference: str) -> Iterator[dict[str, Any]]:
        at = self._ago(100, 100)
        address = {"email": f"{reference.replace(':', '-')}@example.net"}
        yield self._event("identified", reference, at, {"locale": "en"}) | {"pii": address}
        consent = {"channel": "email", "purpose": "marketing", "granted": True}
        yield self._event("consent", reference, at, consent)

    def _resolution(self, opened: dict[str, Any]) -> dict[str, Any]:
        at = datetime.fromisoformat(opened["time"]) + timedelta(minutes=self._chance.randint(1, 120))
        return self._event("complaint.resolved", opened["subject"], at, {"case": opened["data"]["case"]})

    def _ago(self, least: float, most: float) -> datetime:
        return self._now - self._chance.uniform(least, most) * _DAY

    def _event(self, kind: str, subject: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        return {
            "specversion": "1.0",
            "id": f"f{self._number}",
            "source": f"system-{self._number % 3}",
            "type": f"customer.{kind}",
            "subject": subject,
            "time": at.isoformat(),
            "data": data,
        }


def references_of(number: int) -> list[str]:
    """One to four names of one customer, which links bring together."""
    return [f"{system}:{number}" for system in ("shop", "crm", "web", "app")[: 1 + number % 4]]
