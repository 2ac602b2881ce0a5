"""What the demo came to, asked of the system itself once everything is at rest."""

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import msgspec

from deploy.demo.api import Api
from shared.clock import pause
from shared.contracts import Profile, Snapshot
from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.reader import follow_topic
from shared.kafka.topics import PROFILES

CONSUMERS = ("profiles", "scoring", "alerts", "notify")
_BUSY = ("ebbtide_lag_records", "ebbtide_records_in_flight", "ebbtide_to_publish")
# The gauges are sampled every second, and what leaves one service takes a moment to show in the next.
_QUIET_LOOKS = 4
_LOOK_SECONDS = 0.7


async def wait_at_rest(api: Api, say: Callable[[str], None], *, seconds: float = 180) -> None:
    """Returns when nothing is under way between the services and no notification waits to be sent or tried again."""
    quiet = 0
    before: Any = None
    for _ in range(int(seconds / _LOOK_SECONDS)):
        busy, waiting, handled = await _under_way(api)
        quiet = quiet + 1 if not busy and not waiting and handled == before else 0
        before = handled
        if quiet >= _QUIET_LOOKS:
            return
        say(f"settling: {busy:,.0f} records under way, {waiting:,} notifications to go")
        await pause(_LOOK_SECONDS)
    raise TransientError(f"not at rest after {seconds:g} s: {busy:,.0f} records, {waiting:,} notifications")


async def _under_way(api: Api) -> tuple[float, int, float]:
    """Records between services, notifications to be sent, and how many records alerts has handled so far."""
    for attempt in range(20):
        try:
            busy = [await api.metric(name, *_BUSY) for name in CONSUMERS]
            waiting = [await api.count("notify", "/v1/notifications", status=s) for s in ("planned", "sending")]
            return sum(busy), sum(waiting), await api.metric("alerts", "ebbtide_records_handled_total")
        except TransientError:
            if attempt == 19:
                raise
            await pause(0.5)
    raise AssertionError("unreachable")


async def summarise(api: Api, connection: KafkaConnection) -> dict[str, Any]:
    """The figures of `ebbtide demo --json`."""
    purchases, customers, spend = await _archive(connection)
    conditions = {
        condition: await api.count("alerts", "/v1/alerts", condition=condition)
        for condition in ("firing", "resolved", "retracted")
    }
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for one in await api.every("notify", "/v1/notifications"):
        statuses[one["status"]] += 1
        if one["status"] != "sent":
            reasons[one["reason"] or one["status"]] += 1
    return {
        "purchases": purchases,
        "customers": customers,
        "spend": str(spend),
        "alerts": {
            "fired": sum(conditions.values()),
            "resolved": conditions["resolved"],
            "retracted": conditions["retracted"],
            "open": conditions["firing"],
        },
        "notifications": {"sent": statuses["sent"], "not_sent": dict(sorted(reasons.items()))},
    }


async def _archive(connection: KafkaConnection) -> tuple[int, int, Decimal]:
    """Purchases, customers and dollars in the customers' records, as profiles.v1 tells anybody who reads it."""
    decode = msgspec.json.Decoder(Snapshot[Profile]).decode
    last: dict[bytes, Profile] = {}
    async with aclosing(follow_topic(connection, PROFILES)) as batches:
        async for records, caught_up in batches:
            last |= {key: decode(value).data for key, value in records if key is not None and value is not None}
            if caught_up:
                break
    active = [one.aggregates for one in last.values() if one.status == "active"]
    spend = sum((Decimal(one.spend.get("USD", "0")) for one in active), Decimal(0))
    return sum(one.purchases for one in active), len(active), spend
