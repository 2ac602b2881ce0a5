"""Ids that follow from what they name, so that doing a thing twice gives the same id twice."""

from uuid import UUID, uuid5

from shared.contracts import Anchor

CUSTOMERS = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a01")
ALERTS = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a02")
NOTIFICATIONS = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a03")

# Cannot occur in a part: references, sources and ids carry no control characters.
SEPARATOR = "\x1f"


def customer_id_of(reference: str) -> str:
    """The id a reference has on its own; a customer's id is the smallest of its references' ids."""
    return str(uuid5(CUSTOMERS, reference))


def alert_id_of(rule_id: str, anchor: Anchor) -> str:
    """The alert that `rule_id` raises about the spell that began at `anchor`."""
    return str(uuid5(ALERTS, SEPARATOR.join((rule_id, anchor.reference, anchor.source, anchor.id))))


def notification_id_of(alert_id: str, transition: str, step: str, recipient: str, channel: str) -> str:
    """The one decision for these five."""
    return str(uuid5(NOTIFICATIONS, SEPARATOR.join((alert_id, transition, step, recipient, channel))))


def next_version(previous: int, database_micros: int) -> int:
    """The version after `previous`, taken under the entity's row lock.

    Follows the database's clock, so versions still grow after a restore or a rebuild of the store.
    """
    return max(previous + 1, database_micros)
