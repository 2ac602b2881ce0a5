"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

DEFAULT_DATA = Path(".ebbtide")

DataOption = Annotated[Path, Parameter(name="--data", help="Directory that holds everything the system keeps.")]
JsonOption = Annotated[bool, Parameter(name="--json", negative=(), help="Answer with one JSON object.")]

_WIDEST_TABLE = 160


def table_console() -> Console:
    """For tables that hold ids to be copied: what is wider than the screen wraps, and nothing is cut off."""
    return Console(highlight=False, width=max(Console().width, _WIDEST_TABLE))
