"""Which customers become one when references are linked."""

from collections.abc import Iterable

# Interactions that say that `data.reference` and the subject are the same person or account.
LINKS = frozenset({"customer.linked", "customer.merged"})


def plan_merges(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Customer ids found to be one, pair by pair: each loser to its winner, the smallest id of all it is joined with.

    The smallest wins whatever the order of the pairs, so the id of a customer depends on no arrival order.
    """
    parents: dict[str, str] = {}

    def root(customer_id: str) -> str:
        while (parent := parents.get(customer_id, customer_id)) != customer_id:
            customer_id = parent
        return customer_id

    for one, other in pairs:
        winner, loser = sorted((root(one), root(other)))
        parents[loser] = winner
    return {loser: root(loser) for loser in parents if root(loser) != loser}
