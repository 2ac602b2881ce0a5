"""When setting records aside would help nobody: a bad release, or a writer whose records nobody understands."""

from collections import deque
from collections.abc import Sequence

from shared.errors import DeadReason, StoppedError
from shared.pipeline.records import Batch, DeadLetter

# Of fewer records nobody can tell what most of them are.
FEWEST_RECORDS = 20
# Each one costs some twenty transactions to find; so many in one batch are no accident of theirs.
MOST_CULPRITS = 50
# Those that the reason names.
_NAMED = 3


class Breaker:
    """Stops one subscription before anything is set aside when most of its records are to be set aside.

    Most: more than half of a batch, or of a batch and the last few records before it, for records may come one by one;
    or too many culprits at once. What others write may be anything (`foreign`): there it stops only when all fails,
    which is then ours to mend.
    """

    def __init__(self, *, foreign: bool, enabled: bool = True) -> None:
        self._foreign = foreign
        self._enabled = enabled
        self._recent: deque[bool] = deque(maxlen=FEWEST_RECORDS)

    def check(self, batch: Batch, dead: Sequence[DeadLetter], *, culprits: int = 0) -> None:
        """Raises StoppedError if these of the batch's records are too many to be set aside.

        So many `culprits`, each one record or one customer, were found by taking it apart.
        """
        if not self._enabled or not dead:
            return
        recent = () if batch.span.rerun else self._recent  # a re-run was judged when it came first
        if (
            (culprits > MOST_CULPRITS and not self._foreign)
            or self._is_most(len(dead), len(batch))
            or self._is_most(len(dead) + sum(recent), len(batch) + len(recent))
        ):
            raise StoppedError(
                f"{len(dead)} of {len(batch)} records cannot be handled, first {', '.join(map(_named, dead[:_NAMED]))}"
            )

    def remember(self, batch: Batch, dead: int) -> None:
        """So many of the batch were set aside, and it is stored."""
        if len(batch) and not batch.span.rerun:
            count = min(len(batch), FEWEST_RECORDS)
            share = round(count * dead / len(batch))
            self._recent.extend([True] * share + [False] * (count - share))

    def _is_most(self, dead: int, records: int) -> bool:
        return records >= FEWEST_RECORDS and (dead == records if self._foreign else dead * 2 > records)


def _named(letter: DeadLetter) -> str:
    """Where it lies and what is wrong. What decoding says of a record may quote it, so that is left out."""
    why = letter.detail if letter.reason is DeadReason.HANDLER_FAILED else letter.reason.value
    return f"partition {letter.partition} offset {letter.offset} ({why})"
