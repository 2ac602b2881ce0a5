"""Sends events from standard input, one CloudEvent in JSON a line, to ingest. Nothing but the standard library.

    EBBTIDE_KEY=… python examples/python_emitter.py < examples/events.jsonl

Exit code 0: all are taken. 1: some were refused, each with its reason on standard error. Run it again as often as you
like: an event is known by its subject, source and id, and counts once.
"""

import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

URL = os.environ.get("EBBTIDE_URL", "http://127.0.0.1:8101").rstrip("/") + "/v1/interactions"
KEY = os.environ.get("EBBTIDE_KEY", "")
MOST_AT_ONCE = 500
ATTEMPTS = 8

Event = dict[str, Any]
Receipt = dict[str, Any]


def emit(events: list[Event]) -> Receipt:
    """Send up to 500 events; returns {"accepted": n, "refused": [...]} once what was accepted is durable.

    Waits and sends the same again when ingest is busy (429), away (503, no answer) or cut off in the middle.
    """
    request = urllib.request.Request(URL, data=json.dumps(events).encode(), method="POST")
    request.add_header("Authorization", f"Bearer {KEY}")
    request.add_header("Content-Type", "application/json")
    for attempt in range(ATTEMPTS):
        wait = min(0.5 * 2**attempt, 30)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                receipt: Receipt = json.load(answer)
                return receipt
        except urllib.error.HTTPError as error:
            body: Receipt = json.load(error)
            if error.code == 422 and "refused" in body:  # none was taken
                return body
            if error.code not in (429, 503):
                raise SystemExit(f"ingest says {error.code}: {body['detail']}") from None
            wait = float(error.headers.get("Retry-After", wait))
        except OSError:  # no connection, or it broke: whether the events arrived is unknown, and does not matter
            pass
        time.sleep(wait)
    raise SystemExit(f"ingest took nothing in {ATTEMPTS} attempts; run this again later")


def batches(events: Iterable[Event], size: int) -> Iterator[list[Event]]:
    """The events in lists of at most `size`."""
    remaining = iter(events)
    while batch := list(itertools.islice(remaining, size)):
        yield batch


def main() -> None:
    accepted = refused = 0
    for batch in batches((json.loads(line) for line in sys.stdin if line.strip()), MOST_AT_ONCE):
        receipt = emit(batch)
        accepted += receipt["accepted"]
        for fault in receipt["refused"]:
            refused += 1
            print(f"refused {fault['id']}: {fault['field']}: {fault['reason']} ({fault['code']})", file=sys.stderr)
    print(f"{accepted} accepted, {refused} refused")
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
