"""`settled.v1`: up to which instant a topic is complete, so that silence on it is silence and not a delay."""

from datetime import datetime

from shared.contracts.record import Record


class Settled(Record, frozen=True, kw_only=True):
    """Whatever was accepted before `at` (business time) has its effect on `topic` below `next_offsets`.

    One offset per partition, in their order. What was accepted later may be there as well.
    """

    topic: str
    at: datetime
    next_offsets: tuple[int, ...]
