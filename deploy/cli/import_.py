"""`ebbtide import`: a file of purchases into a running system, through its public API."""

import asyncio
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.cli._options import DEFAULT_DATA, DataOption, JsonOption
from deploy.feeds.purchases import Columns, Layout, count_rows
from deploy.state import read_state
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from deploy.feeds.imports import Summary

KEY_VARIABLE = "EBBTIDE_KEY"


def register(app: App) -> None:
    """Add the command."""
    app.command(import_, name="import")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How the file is to be read."""

    namespace: str | None = None
    source: str = "import"
    currency: str = "USD"
    customer_column: str = "customer_id"
    day_column: str = "purchased_on"
    quantity_column: str = "quantity"
    amount_column: str = "amount_usd"
    refused: Path | None = None

    def layout(self) -> Layout:
        columns = Columns(
            customer=self.customer_column,
            day=self.day_column,
            quantity=self.quantity_column,
            amount=self.amount_column,
        )
        return Layout(namespace=self.namespace, source=self.source, currency=self.currency, columns=columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to send it."""

    url: str | None = None
    key: str | None = field(default=None, repr=False)


def import_(
    file: Path,
    /,
    *,
    options: Annotated[FileOptions, Parameter(name="*")] = FileOptions(),
    target: Annotated[Target, Parameter(name="*")] = Target(),
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> int:
    """Send the purchases in a CSV file (UTF-8, with a header). Importing a file twice changes nothing.

    Rows that are refused go into a file with their line and the reason; the exit code is 1 then.

    Parameters
    ----------
    file:
        The CSV file.
    options.namespace:
        Put before each customer's number; unset: the namespace of the key.
    options.source:
        The source of the events.
    options.currency:
        Of all amounts (ISO 4217).
    options.customer_column:
        Column of the customer's number.
    options.day_column:
        Column of the day (YYYY-MM-DD, stamped 00:00 UTC) or instant (RFC 3339).
    options.quantity_column:
        Column of the number of pieces.
    options.amount_column:
        Column of the amount.
    options.refused:
        Where refused rows go; unset: FILE.refused.csv.
    target.url:
        Of ingest; unset: that of the system running in --data.
    target.key:
        With the scope interactions:write; unset: EBBTIDE_KEY, else the admin key of the system in --data.
    """
    from deploy.feeds.client import InteractionsClient
    from deploy.feeds.imports import import_purchases

    layout = options.layout()
    total = count_rows(file, layout)
    url, key = find_target(target, data)
    refused_path = options.refused or file.with_name(file.name + ".refused.csv")
    console = Console(stderr=True, highlight=False)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, disable=as_json and not console.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task(f"Importing {file.name}", total=total)

        async def run() -> "Summary":
            async with InteractionsClient(url, key) as client:
                return await import_purchases(
                    file,
                    layout,
                    client,
                    refused_path=refused_path,
                    progress=lambda summary: bar.update(task, completed=summary.rows),
                )

        summary = asyncio.run(run())
        bar.update(task, completed=summary.rows)
    return _report(summary, as_json)


def find_target(target: Target, data: Path) -> tuple[str, str]:
    """URL and key: as given, else of the running system. Raises ConfigurationError that says what is missing."""
    state = read_state(data)
    url = target.url or (state.services["ingest"].url if state else None)
    key = target.key or os.environ.get(KEY_VARIABLE)
    if not key and state and Path(state.admin_key).is_file():
        key = Path(state.admin_key).read_text(encoding="ascii").strip()
    if not url:
        raise ConfigurationError(f"No Ebbtide runs in {data}: start it with `ebbtide up`, or name ingest's --url.")
    if not key:
        raise ConfigurationError(
            f"A key is needed: make one with `ebbtide keys create --name import --scope interactions:write`"
            f" and give it as --key or {KEY_VARIABLE}."
        )
    return url, key


def _report(summary: "Summary", as_json: bool) -> int:
    if as_json:
        print(json.dumps(asdict(summary), indent=2))
    else:
        rate = summary.rows / summary.seconds if summary.seconds else 0
        print(
            f"{summary.rows:,} rows: {summary.accepted:,} accepted, {summary.refused:,} refused"
            f" ({summary.seconds:.1f} s, {rate:,.0f} a second)"
        )
        if summary.refused_file:
            print(f"The refused rows are in {summary.refused_file}")
    return 1 if summary.refused else 0
