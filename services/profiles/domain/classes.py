"""What a customer is worth and how often they buy, as pure functions of the aggregates."""

from decimal import Decimal

from services.profiles.domain.entities import Aggregates, Behaviour, ValueTier
from services.profiles.domain.policy import Policy


def value_tier(aggregates: Aggregates, policy: Policy) -> ValueTier | None:
    """The tier of the spend in the policy's currency.

    None without a purchase, and when all the spend is in other currencies: there is no rate to compare it by.
    """
    if not aggregates.purchases:
        return None
    amount = aggregates.spend.get(policy.currency)
    if amount is None:
        return None if aggregates.spend else "low"
    spend = Decimal(amount)
    if spend >= policy.high_from:
        return "high"
    return "mid" if spend >= policy.mid_from else "low"


def behaviour_class(purchase_days: int, policy: Policy) -> Behaviour | None:
    """How often, by distinct days (UTC) with a purchase; None without one."""
    if purchase_days == 0:
        return None
    if purchase_days == 1:
        return "one_time"
    return "frequent" if purchase_days >= policy.frequent_from else "occasional"
