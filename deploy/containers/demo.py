"""`python -m deploy.containers.demo`: the demo's eighteen months into a system that runs already, then its summary.

All at once and on the real clock: alerts come and go at the instants of 1997, and mail about them is stale. Sending it
again changes nothing.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from secrets import token_hex

from deploy.access import change_principals
from deploy.demo.api import Api
from deploy.demo.story import tell
from deploy.demo.summary import summarise, wait_at_rest
from deploy.feeds.client import MAX_EVENTS, InteractionsClient
from deploy.stack.databases import SERVICES
from services.ingest.handlers.principals import Request, create_principal
from shared.clock import pause
from shared.contracts.access import Scope
from shared.errors import ConfigurationError, EbbtideError, TransientError
from shared.kafka.connection import KafkaConnection

# Under these names docker-compose.yml has the services, and deploy/config/staff.yaml the staff.
URLS = {service: f"http://{service}:8080" for service in SERVICES}
STAFF = ("ada", "ben", "lin", "wei")
_KEY_SECONDS = 60
_SETTLE_SECONDS = 600
_OPEN_AT = "1997-09-30T00:00:00Z"


async def main() -> int:
    """Needs EBBTIDE_POSTGRES_DSN (ingest's database, to make a key) and KAFKA_BOOTSTRAP."""
    scopes: tuple[Scope, ...] = ("interactions:write", "alerts:read", "notifications:read")
    request = Request(name=f"demo-{token_hex(3)}", kind="system", namespace="cdnow", scopes=scopes)
    granted = await change_principals(
        os.environ["EBBTIDE_POSTGRES_DSN"], lambda store: create_principal(store, request)
    )
    key = granted.key.secret
    events = [scene.event for scene in tell(list(STAFF))]
    async with Api(URLS, key) as api, InteractionsClient(URLS["ingest"], key) as client:
        await _known_everywhere(api)
        for start in range(0, len(events), MAX_EVENTS):
            await _send(client, events[start : start + MAX_EVENTS])
            _say(f"{min(start + MAX_EVENTS, len(events)):,} of {len(events):,} events accepted")
        await wait_at_rest(api, _say, seconds=_SETTLE_SECONDS)
        connection = KafkaConnection(bootstrap=os.environ["KAFKA_BOOTSTRAP"], client_id="ebbtide-demo")
        summary = await summarise(api, connection)
        open_then = await api.count("alerts", "/v1/alerts", rule="no-purchase-90d", open_at=_OPEN_AT)
    print(json.dumps(summary | {"no_purchase_90d_open_at_1997_09_30": open_then}), flush=True)
    return 0


async def _known_everywhere(api: Api) -> None:
    """A new key travels on access.v1: wait until those that are asked know it."""
    for attempt in range(_KEY_SECONDS * 2):
        try:
            await api.count("alerts", "/v1/alerts")
            await api.count("notify", "/v1/notifications")
            return
        except TransientError as error:
            if attempt % 10 == 9:
                _say(f"waiting: {error}")
        await pause(0.5)
    raise ConfigurationError("the services do not know the demo's key; see their logs")


async def _send(client: InteractionsClient, events: Sequence[dict[str, object]]) -> None:
    receipt = await client.send(list(events))
    if receipt.refused:
        raise ConfigurationError(f"ingest refused an event of the demo: {receipt.refused[0].reason}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except EbbtideError as failure:
        sys.exit(f"ebbtide: {failure}")
