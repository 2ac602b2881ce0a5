"""What the timers share: decide customers again, and owe what changed to the topic."""

from datetime import datetime

from services.alerts.handlers import Decider, DueSubject
from services.alerts.handlers.storage import AlertStore
from shared.pipeline import Publication, append_to_publish
from shared.postgres import Connection

LIMIT = 500
"""Customers or alerts in one transaction."""


async def decide_again(
    decider: Decider, store: AlertStore, *, topic: str, due: list[DueSubject], now: datetime
) -> list[Publication]:
    """The alerts that changed, which are to be owed to the topic."""
    decided = await decider.decide(store, topic, [entry.subject for entry in due], now)
    await store.update_next(topic, decided.due, decider.rulebook.rules.version)
    return decided.changed


async def owe(connection: Connection, changed: list[Publication]) -> None:
    await append_to_publish(connection, {entry.entity_id: entry.version for entry in changed})
