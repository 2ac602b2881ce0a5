"""What every contract has in common."""

from datetime import datetime
from typing import Annotated

import msgspec

# An instant without a zone is no instant; it is refused where it is read.
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A frozen value of the language between services.

    `gc=False`: contracts hold trees, never cycles, and batches hold tens of thousands of them.
    """
