"""Who verifies our webhooks can tell what was changed, moved or kept for later."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.notify.domain.webhooks import Secret, Target
from services.notify.gateways.webhooks import _headers
from shared.clock import real_now

SECRET, BODY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"type": "alert.fired"}'


def sent(**changes: str) -> dict[str, str]:
    return {**_headers(Target("https://hooks.example.com", (Secret(SECRET),)), "event-1", BODY), **changes}


def at(seconds: int) -> dict[str, str]:
    """The same, rightly signed at another time."""
    instant = real_now() + timedelta(seconds=seconds)
    signature = Webhook(SECRET).sign("event-1", instant, BODY.decode())
    return sent(**{"webhook-timestamp": str(int(instant.timestamp())), "webhook-signature": signature})


def test_what_we_sign_is_genuine_for_five_minutes_either_way() -> None:
    for headers in (sent(), at(-240), at(240)):
        assert Webhook(SECRET).verify(BODY, headers) == {"type": "alert.fired"}


FORGED: dict[str, Callable[[], tuple[dict[str, str], bytes]]] = {
    "changed body": lambda: (sent(), BODY.replace(b"fired", b"ended")),
    "another id": lambda: (sent(**{"webhook-id": "event-2"}), BODY),
    "another time": lambda: (sent(**{"webhook-timestamp": str(int(real_now().timestamp()) + 60)}), BODY),
    "kept for later": lambda: (at(-360), BODY),
    "from the future": lambda: (at(360), BODY),
    "made up": lambda: (sent(**{"webhook-signature": "v1," + "A" * 43 + "="}), BODY),
}


@pytest.mark.parametrize("forged", FORGED)
def test_what_is_not_as_we_sent_it_is_refused(forged: str) -> None:
    headers, body = FORGED[forged]()
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)
