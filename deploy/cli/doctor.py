"""`ebbtide doctor`: what is wrong, and what to do about it."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from deploy.cli._options import DEFAULT_DATA, DataOption, JsonOption
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from deploy.operation.checks import Finding

CANNOT_LOOK = 2
_SIGNS = {"fine": "[green]ok   [/]", "note": "[blue]note [/]", "wrong": "[red]WRONG[/]", "unseen": "[yellow]?    [/]"}


def register(app: App) -> None:
    """Add the command."""
    app.command(doctor)


def doctor(
    *,
    quiet: Annotated[bool, Parameter(negative=(), help="Show only what is wrong.")] = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> int:
    """Look at everything and say what is wrong, one line each with the way out. Changes nothing.

    Looks at processes, readiness, releases, Kafka and its topics, lag, the five databases and their migrations, owed
    snapshots, dead letters, clocks, keys, disk space and the mail server. Of the system running in --data, else of the
    one that KAFKA_BOOTSTRAP and POSTGRES_DSN (or EBBTIDE_<SERVICE>_POSTGRES_DSN) and EBBTIDE_<SERVICE>_URL name.

    Exit code 0: healthy. 1: something is wrong. 2: it cannot look.
    """
    from deploy.operation.asking import run
    from deploy.operation.checks import examine

    try:
        findings = run(data, examine)
    except ConfigurationError as error:
        if as_json:
            print(json.dumps({"healthy": None, "reason": str(error)}))
        print(f"ebbtide: {error}", file=sys.stderr)
        return CANNOT_LOOK
    healthy = all(finding.verdict in ("fine", "note") for finding in findings)
    if as_json:
        print(json.dumps({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _show(findings, quiet)
    return 0 if healthy else 1


def _show(findings: "list[Finding]", quiet: bool) -> None:
    console = Console(highlight=False)
    for finding in findings:
        if quiet and finding.verdict in ("fine", "note"):
            continue
        act = f" → {finding.act}" if finding.act else ""
        console.print(f"{_SIGNS[finding.verdict]} {escape(finding.says + act)}", soft_wrap=True)
    wrongs = sum(finding.verdict == "wrong" for finding in findings)
    console.print(f"{wrongs} wrong" if wrongs else "Nothing is wrong.", style="bold")
