"""One interaction after another into a customer, in order, in place. The hottest code of the system.

Order is `(time, source, id)`, then the reference, which only tells apart what two references of one customer share.
The result depends on the interactions alone, never on how they were batched; the policy is needed because a purchase
fixes the lifecycle changes before it.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from services.profiles.domain.effects import EFFECTS, amount_of
from services.profiles.domain.entities import Anchor, Customer, Fact, Gap, Watermark
from services.profiles.domain.lifecycle import purchase_again
from services.profiles.domain.policy import Policy

PURCHASE = "customer.purchase"

# The acts of the customer, which count as activity. Not here: what the company does (contacted, survey.sent,
# notification bounces, owner, tags), what systems do by themselves (renewals, ends, stages), what is said about the
# customer (identified, linked), money given back, and declarations that ask for less contact or allow more
# (consent, unsubscribed). Unknown types are counted as interactions only.
ACTIVITIES = frozenset(
    {
        PURCHASE,
        "customer.visit",
        "customer.login",
        "customer.message",
        "customer.call",
        "customer.meeting",
        "customer.complaint.opened",
        "customer.feedback",
        "customer.survey.answered",
        "customer.referral",
        "customer.training",
        "customer.subscription.started",
        "customer.notification.opened",
        "customer.notification.clicked",
    }
)

DAY = timedelta(days=1)
# Stretches up to this long are everybody's rhythm and are not kept.
WEEK = timedelta(days=7)


def order_of(fact: Fact) -> tuple[datetime, str, str, str]:
    """The key that interactions of one customer are sorted by before they are folded."""
    return fact.time, fact.source, fact.id, fact.subject


def is_late(customer: Customer, fact: Fact) -> bool:
    """Whether `fact` is not newer than the newest one folded in, so that the customer must be computed again.

    The same order key counts as late: it may belong before the one folded in, under another reference.
    """
    watermark = customer.watermark
    if watermark is None or fact.time > watermark.time:
        return False
    return (fact.time, fact.source, fact.id) <= (watermark.time, watermark.source, watermark.id)


def fold(customer: Customer, fact: Fact, policy: Policy) -> None:
    """Add one interaction that comes after all that were folded in. Never raises on odd data."""
    time = fact.time
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    watermark = customer.watermark
    if watermark is None:
        customer.watermark = Watermark(time, fact.source, fact.id)
        customer.history.since = time
    else:
        watermark.time = time
        watermark.source = fact.source
        watermark.id = fact.id
    customer.aggregates.interactions += 1
    kind = fact.type
    if kind in ACTIVITIES:
        anchor: Anchor = {"reference": fact.subject, "source": fact.source, "id": fact.id}
        aggregates = customer.aggregates
        quiet = aggregates.last_activity == aggregates.last_purchase
        _act(customer, anchor, time, listed=quiet and kind == PURCHASE)
        if kind == PURCHASE:
            _purchase(customer, fact, anchor, policy, quiet=quiet)
            return
    effect = EFFECTS.get(kind)
    if effect is not None:
        effect(customer, fact, time)


def _act(customer: Customer, anchor: Anchor, time: datetime, *, listed: bool) -> None:
    """Count an act of the customer; a gap of more than a week before it is closed by it.

    `listed`: that gap is a quiet one between purchases, and is listed as such.
    """
    aggregates = customer.aggregates
    aggregates.activities += 1
    last, began = aggregates.last_activity_at, aggregates.last_activity
    if last is None or began is None:
        aggregates.first_activity_at = time
        aggregates.activity_days = 1
    else:
        gap = time - last
        if gap > WEEK and not listed:
            ordinal = aggregates.activity_days
            customer.history.activity_gaps.append(
                Gap(last, time, ordinal, True, began["reference"], began["source"], began["id"])
            )
        if gap >= DAY or time.day != last.day:
            aggregates.activity_days += 1
    aggregates.last_activity_at = time
    aggregates.last_activity = anchor


def _purchase(customer: Customer, fact: Fact, anchor: Anchor, policy: Policy, *, quiet: bool) -> None:
    """Count a purchase, its spend (none without a readable amount), its gap and what it does to the lifecycle."""
    aggregates, history = customer.aggregates, customer.history
    time = customer.watermark.time if customer.watermark else fact.time
    aggregates.purchases += 1
    last, began = aggregates.last_purchase_at, aggregates.last_purchase
    if last is None or began is None:
        aggregates.first_purchase_at = time
        aggregates.purchase_days = 1
        history.lifecycle.append({"lifecycle": "new", "since": time})
    else:
        gap = time - last
        if gap > WEEK:
            history.purchase_gaps.append(
                Gap(last, time, aggregates.purchase_days, quiet, began["reference"], began["source"], began["id"])
            )
        if gap >= DAY or time.day != last.day:
            aggregates.purchase_days += 1
        purchase_again(history.lifecycle, last, time, policy)
    aggregates.last_purchase_at = time
    aggregates.last_purchase = anchor
    money = amount_of(fact.data)
    if money is not None:
        currency, amount = money
        spend = aggregates.spend
        spend[currency] = str(Decimal(spend[currency]) + Decimal(amount)) if currency in spend else amount
