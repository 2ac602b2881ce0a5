"""Which states of a giant customer are kept, so that a late interaction need not be computed from the first one on.

A checkpoint is the customer as they were after some interaction. What comes late is folded in from the last checkpoint
before it. Customers with few interactions have none: for them the whole timeline is quick.
"""

from collections.abc import Sequence

EVERY = 1_000
"""Interactions from one checkpoint to the next."""

# So many of the newest are kept as they are; of those before, every second, of those before these every fourth, ...
DENSE = 8


def is_due(before: int, after: int) -> bool:
    """Whether the customer is worth a checkpoint, whose number of interactions went from `before` to `after`."""
    return before // EVERY < after // EVERY


def superseded(counts: Sequence[int]) -> list[int]:
    """Of checkpoints after so many interactions each, those that need not be kept.

    What is left is dense at the end and twice as sparse with every doubling of the distance, so a customer of n
    interactions has about DENSE * log2(n) of them, and one that comes d interactions late costs a fold of about 2 d.
    Looked at again later, nothing that was given up is missed.
    """
    numbers = sorted({count // EVERY for count in counts})
    newest = numbers[-1] if numbers else 0
    gone = {number for number in numbers if number % _stride(newest - number)}
    return sorted(count for count in counts if count // EVERY in gone)


def _stride(distance: int) -> int:
    stride = 1
    while distance >= DENSE * stride:
        stride *= 2
    return stride
