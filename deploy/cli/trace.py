"""`ebbtide trace`: what became of one interaction."""

import json
from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from deploy.cli._options import DEFAULT_DATA, DataOption, JsonOption

_COLOURS = {"done": "green", "not_done": "yellow", "unknown": "red"}
_SIGNS = {"done": "✓", "not_done": "–", "unknown": "?"}


def register(app: App) -> None:
    """Add the command."""
    app.command(trace)


def trace(
    event_id: str,
    /,
    *,
    source: Annotated[str | None, Parameter(help="Its source, if other sources use the same ids.")] = None,
    reference: Annotated[str | None, Parameter(help="Its subject, namespace:value; makes the look-up quick.")] = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> int:
    """Follow one interaction through the five services: where it is stored, whose it is, and what came of it.

    Shows the customer and scores as they are now, the alerts that are anchored at the interaction or belong to its
    customer, and the notifications of those alerts with their reasons. What did not happen is said, and why, where
    that is known. Asks the public APIs with the admin key of the system in --data, or that in EBBTIDE_KEY.

    Exit code 0 when the interaction is in a timeline, 1 when not.

    Parameters
    ----------
    event_id:
        The id its source gave it.
    """
    from deploy.operation.asking import run
    from deploy.operation.tracing import Wanted, trace_interaction

    wanted = Wanted(id=event_id, source=source, reference=reference)
    found = run(data, lambda installation: trace_interaction(installation, wanted))
    if as_json:
        print(json.dumps({"event_id": event_id, **asdict(found)}, indent=2))
        return 0 if found.found else 1
    console = Console(highlight=False)
    for step in found.steps:
        sign = f"[{_COLOURS[step.outcome]}]{_SIGNS[step.outcome]}[/]"
        console.print(f"{sign} {step.service:<9} {step.at or '':<27} {escape(step.says)}", soft_wrap=True)
    return 0 if found.found else 1
