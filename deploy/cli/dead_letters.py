"""`ebbtide dead-letters`: records that could not be handled; look at them, hand them in again, or forget them."""

import base64
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.cli._options import DEFAULT_DATA, DataOption, JsonOption, table_console
from deploy.operation.asking import run
from shared.errors import ConfigurationError, DeadReason

if TYPE_CHECKING:
    from deploy.operation.installation import Installation
    from deploy.operation.letters import Replayed
    from deploy.operation.store import FullLetter, Letter, LetterId

_MOST = 100_000
Service = Literal["ingest", "profiles", "scoring", "alerts", "notify"]
ServiceOption = Annotated[Service | None, Parameter(name="--service", help="Only those of this service.")]
TopicOption = Annotated[str | None, Parameter(name="--topic", help="Only records of this topic.")]
ReasonOption = Annotated[
    DeadReason | None,
    Parameter(name="--reason", name_transform=str.lower, help="Only those set aside for this reason."),
]
AllOption = Annotated[bool, Parameter(name="--all", negative=(), help="Every one that the filters leave.")]
YesOption = Annotated[bool, Parameter(name="--yes", negative=(), help="Do not ask.")]


def register(app: App) -> None:
    """Add the command."""
    letters = App(name="dead-letters", help="Records that could not be handled: look at them, replay or drop them.")
    letters.command(list_letters, name="list")
    letters.command(show)
    letters.command(replay)
    letters.command(drop)
    app.command(letters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which dead letters."""

    service: ServiceOption = None
    topic: TopicOption = None
    reason: ReasonOption = None


def list_letters(
    *,
    filters: Annotated[Filters, Parameter(name="*")] = Filters(),
    limit: Annotated[int, Parameter(help="Most shown.")] = 100,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> int:
    """Show what was set aside, newest failure first. Exit code 0, whether there is any or not."""
    found, total = _look(data, filters, limit)
    if as_json:
        print(json.dumps({"items": [_described(letter) for letter in found], "total": total}, indent=2))
        return 0
    console = table_console()
    if not total:
        console.print("No dead letters.")
        return 0
    table = Table("id", "reason", "tries", "first failure", "last failure", "key", box=None, pad_edge=False)
    for letter in found:
        table.add_row(
            str(letter.id),
            letter.reason,
            str(letter.attempts),
            _instant(letter.first_failed_at),
            _instant(letter.last_failed_at),
            escape(_text(letter.key) or "-"),
        )
    console.print(table)
    console.print(f"{len(found):,} of {total:,}; the id is service/topic/partition/offset/fingerprint", style="dim")
    return 0


def show(letter: str, /, *, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> int:
    """Show one dead letter with its record, which may hold personal data. With --json its bytes are base64.

    Parameters
    ----------
    letter:
        Its id, as `list` shows it.
    """
    from deploy.operation.letters import get_letter
    from deploy.operation.store import letter_id

    found = run(data, lambda installation: get_letter(installation, letter_id(letter)))
    if as_json:
        print(json.dumps(_described(found) | _record(found), indent=2))
        return 0
    console = Console(highlight=False, markup=False)
    for name, value in _described(found).items():
        console.print(f"{name:<16} {value if value is not None else '-'}", soft_wrap=True)
    for name, raw in found.headers:
        console.print(f"{'header':<16} {name}: {_text(raw)}", soft_wrap=True)
    console.print("\n" + (_text(found.value) or "(no value)"), soft_wrap=True)
    return 0


def replay(
    *letters: str,
    everything: AllOption = False,
    filters: Annotated[Filters, Parameter(name="*")] = Filters(),
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> int:
    """Hand dead letters to their service again. Mend the cause first: what still fails comes back as a new one.

    An interaction is sent again byte for byte, so it now stands at the end of its topic, behind everything that came
    after it, and is read by everyone who reads that topic. Customers come out the same, since they are computed in
    the order in which things happened, and what was counted already counts once; but alerts it would have caused are
    raised late, under their true instant, and notices whose cause is older than 7 days are dropped as stale.

    A snapshot (any other topic) is not sent as it was, because an old state would then stand last: the service that
    owns the entity publishes its current state, for all readers.

    The dead letter is dropped when that is done; cut off in between, it is there still, and replaying it twice
    changes nothing. The exit code is 1 when any could not be replayed.

    Parameters
    ----------
    letters:
        Their ids, as `list` shows them.
    """
    from deploy.operation.letters import replay_letters

    wanted = _wanted(data, letters, everything, filters)
    done = run(data, lambda installation: replay_letters(installation, wanted))
    kept = [one for one in done if one.how == "kept"]
    if as_json:
        print(json.dumps({"items": [_outcome(one) for one in done], "kept": len(kept)}, indent=2))
    else:
        for one in done:
            print(f"{one.id}: {one.detail}")
        print(f"{len(done) - len(kept):,} replayed, {len(kept):,} kept")
    return 1 if kept else 0


def drop(
    *letters: str,
    everything: AllOption = False,
    filters: Annotated[Filters, Parameter(name="*")] = Filters(),
    yes: YesOption = False,
    data: DataOption = DEFAULT_DATA,
) -> int:
    """Forget dead letters for good, after asking. An interaction is still on its topic and in nobody's timeline.

    Parameters
    ----------
    letters:
        Their ids, as `list` shows them.
    """
    from deploy.operation.letters import drop_letter

    wanted = _wanted(data, letters, everything, filters)
    if wanted and not yes and not _agreed(f"Forget {len(wanted):,} dead letters for good?"):
        print("Nothing was dropped.")
        return 1

    async def forget(installation: "Installation") -> int:
        return sum([await drop_letter(installation, one) for one in wanted])

    print(f"{run(data, forget):,} dropped")
    return 0


def _wanted(data: Path, letters: Sequence[str], everything: bool, filters: Filters) -> "list[LetterId]":
    from deploy.operation.store import letter_id

    if bool(letters) == everything:
        raise ConfigurationError("Name dead letters by the ids that `list` shows, or take --all (with filters).")
    if letters:
        return [letter_id(text) for text in letters]
    return [letter.id for letter in reversed(_look(data, filters, _MOST)[0])]


def _look(data: Path, filters: Filters, limit: int) -> "tuple[list[Letter], int]":
    from deploy.operation.letters import Selection, list_letters

    if limit < 1:
        raise ConfigurationError("--limit is at least 1.")
    selection = Selection(service=filters.service, topic=filters.topic, reason=filters.reason)
    return run(data, lambda installation: list_letters(installation, selection, limit))


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigurationError("Nobody is there to ask: say --yes.")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _described(letter: "Letter") -> dict[str, Any]:
    return {
        "id": str(letter.id),
        "service": letter.id.service,
        "topic": letter.id.topic,
        "partition": letter.id.partition,
        "offset": letter.id.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "attempts": letter.attempts,
        "recorded_at": _instant(letter.recorded_at),
        "first_failed_at": _instant(letter.first_failed_at),
        "last_failed_at": _instant(letter.last_failed_at),
        "key": _text(letter.key),
        "bytes": letter.bytes,
    }


def _record(letter: "FullLetter") -> dict[str, Any]:
    return {
        "key_base64": _base64(letter.key),
        "value_base64": _base64(letter.value),
        "headers": [{"name": name, "value_base64": _base64(value)} for name, value in letter.headers],
    }


def _outcome(one: "Replayed") -> dict[str, str]:
    return {"id": str(one.id), "how": one.how, "detail": one.detail}


def _base64(raw: bytes | None) -> str | None:
    return base64.b64encode(raw).decode() if raw is not None else None


def _text(raw: bytes | None) -> str | None:
    """As text that a terminal survives; what is no text is escaped."""
    if raw is None:
        return None
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
