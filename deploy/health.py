"""Asks a service how it is, over HTTP."""

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

_TIMEOUT = 2.0


def ask_alive(url: str) -> bool:
    """Whether the service at the base URL answers /livez."""
    return _get(f"{url}/livez")[0] == 200


def ask_ready(url: str) -> str:
    """Empty when the service at the base URL is ready, else what it waits for in a few words."""
    status, body = _get(f"{url}/readyz")
    if status == 200:
        return ""
    if status == 0:
        return "not answering"
    try:
        reasons = json.loads(body)["waiting_for"]
        return "; ".join(why if part == "start" else f"{part}: {why}" for part, why in reasons.items())
    except (ValueError, LookupError, AttributeError):
        return f"answers {status}"


def _get(url: str) -> tuple[int, bytes]:
    """Status and body; status 0 when there is no answer."""
    assert urlsplit(url).scheme == "http"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - our own address, http only
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""
