"""The `ebbtide` command. Each module here is one command; a new file is a new command and nothing else changes.

A command module defines `register(app)`, which adds its function(s) with `app.command`. The function's parameters are
its options, its docstring the help; it returns the exit code. What the operator has to put right is raised as
ConfigurationError. Import what is heavy inside the function, so that `--help` stays quick.
"""

import importlib
import pkgutil
import sys
from collections.abc import Sequence

from cyclopts import App

from shared.errors import EbbtideError


def create_app() -> App:
    """All commands of this folder."""
    app = App(
        name="ebbtide",
        help="Tells a company, in time to act, which customers are drifting away.",
        version_flags=[],
        result_action="return_value",
    )
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        if not module.startswith("_"):
            importlib.import_module(f"{__name__}.{module}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 not done (with one sentence why), 130 interrupted."""
    try:
        result = create_app()(arguments)
    except EbbtideError as error:
        print(f"ebbtide: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)
