"""Purchases in a CSV file, as events. The same file gives the same events, so importing it twice changes nothing."""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from shared.errors import ConfigurationError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what. Other columns are left alone."""

    customer: str = "customer_id"
    day: str = "purchased_on"
    quantity: str = "quantity"
    amount: str = "amount_usd"

    def names(self) -> tuple[str, str, str, str]:
        return self.customer, self.day, self.quantity, self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is to be read: its columns, and what it does not say itself."""

    namespace: str | None
    source: str = "import"
    currency: str = "USD"
    columns: Columns = Columns()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, its cells, and the event, or why there cannot be one."""

    line: int
    cells: dict[str, str]
    event: dict[str, Any] | None
    problem: str = ""


def count_rows(path: Path, layout: Layout) -> int:
    """How many rows `read_purchases` will give. Raises ConfigurationError for a file that cannot be read."""
    return sum(1 for _ in read_purchases(path, layout))


def read_purchases(path: Path, layout: Layout) -> Iterator[Row]:
    """Every row of the file, in order. A purchase on a day is stamped 00:00 UTC of it.

    A row's id is the hash of its content and of how often that content occurred before, so that two equal purchases
    are two. Values are passed on as they are written: whether they are any good is ingest's to say.
    Raises ConfigurationError, with the line, for a file that is no CSV in UTF-8 or lacks a column.
    """
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in _rows(file, path, layout):
                line = row.line
                yield row
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not in UTF-8 (after line {line}): save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise ConfigurationError(f"{path} is not a CSV file (after line {line}): {error}.") from None


def _rows(file: TextIO, path: Path, layout: Layout) -> Iterator[Row]:
    reader = csv.reader(file, strict=True)
    header = [name.strip() for name in next(reader, [])]
    columns = layout.columns
    if missing := [name for name in columns.names() if name not in header]:
        raise ConfigurationError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(header) or 'none'}. Name yours with"
            " --customer-column, --day-column, --quantity-column and --amount-column."
        )
    seen: Counter[str] = Counter()
    for values in reader:
        if not values:
            continue
        cells = dict(zip(header, values, strict=False))
        if len(values) != len(header):
            problem = f"expected {len(header)} cells, as in the header, and found {len(values)}"
            yield Row(reader.line_num, cells, None, problem)
            continue
        content = _SEPARATOR.join(cells[name].strip() for name in columns.names())
        yield Row(reader.line_num, cells, _event(content, seen[content], layout))
        seen[content] += 1


def _event(content: str, ordinal: int, layout: Layout) -> dict[str, Any]:
    customer, day, quantity, amount = content.split(_SEPARATOR, 3)
    digest = hashlib.sha256(f"{content}{_SEPARATOR}{ordinal}".encode()).hexdigest()
    return {
        "specversion": "1.0",
        "id": digest[:32],
        "source": layout.source,
        "type": "customer.purchase",
        "subject": f"{layout.namespace}:{customer}" if layout.namespace else customer,
        "time": f"{day}T00:00:00Z" if _DAY.fullmatch(day) else day,
        "data": {
            "amount": amount,
            "currency": layout.currency,
            "quantity": int(quantity) if _WHOLE.fullmatch(quantity) else quantity,
        },
    }
