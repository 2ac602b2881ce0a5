"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

DEFAULT_DATA = Path(".ebbtide")

DataOption = Annotated[Path, Parameter(name="--data", help="Directory that holds everything the system keeps.")]
JsonOption = Annotated[bool, Parameter(name="--json", negative=(), help="Answer with one JSON object.")]
