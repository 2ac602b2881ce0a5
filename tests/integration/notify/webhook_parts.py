"""The parts of notify that webhooks are made of, driven step by step, with the HTTP API and without a broker."""

from datetime import timedelta
from typing import Any

import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook as Verifier

from services.notify.domain.destinations import trusted_from
from services.notify.gateways.messages import sender_from
from services.notify.gateways.notices import NoticeMailer
from services.notify.gateways.rendering import Renderer
from services.notify.gateways.staff import load_staff
from services.notify.gateways.webhooks import Limits, WebhookGateway
from services.notify.handlers import Subscribing, Vault
from services.notify.http.deliveries import delivery_routes
from services.notify.http.webhooks import webhook_routes
from services.notify.store import WebhookStore
from services.notify.timers import Deliveries, WebhookUpkeep
from shared.access import Directory, NewKey, new_key
from shared.clock import real_now
from shared.contracts import AccessKey, Pii, Principal
from shared.contracts.access import Scope
from shared.contracts.alert import Act
from shared.http.app import create_app
from tests.integration.notify.parts import STAFF, Parts
from tests.integration.notify.receiver import Came, Receiver
from tests.integration.notify.values import NOW, alert, snapshot
from tests.support.asgi import Answer, call
from tests.support.builders import record
from tests.support.stack import SECRET

MINUTE = timedelta(minutes=1)
FIRED = Act(act="fired", at=NOW - MINUTE, by="ebbtide", reason="condition_held")
SEEN = Act(act="acknowledged", at=NOW, by="ann", pii=Pii(value={"comment": "I call Jo tomorrow"}))
OVER = Act(act="resolved", at=NOW, by="ebbtide", reason="condition_ended")


def firing(name: str, version: int, *history: Act, **more: Any) -> Any:
    return alert(name, "jo", version, history=history, fired_at=NOW - MINUTE, notify=(), **more)


def verified(came: Came, webhook: dict[str, Any]) -> Any:
    """The body, which somebody outside finds genuine."""
    return Verifier(webhook["secret"]).verify(came.body, dict(came.headers))


READER: tuple[Scope, ...] = ("alerts:read", "notifications:read")


class WebhookParts:
    """Somebody called ann may read everything; `trusted` receivers may be reached."""

    def __init__(self, parts: Parts, receiver: Receiver, *, limits: Limits | None = None) -> None:
        self.parts = parts
        self.database = parts.database
        self.directory = Directory()
        self.directory.loaded = True
        self.keys: dict[str, NewKey] = {}
        self._versions = 0
        trusted = trusted_from(receiver.place)
        self.vault = Vault(SECRET.encode())
        self.gateway = WebhookGateway(trusted, limits=limits)
        self.deliveries = Deliveries(
            self.database,
            WebhookStore,
            gateway=self.gateway,
            vault=self.vault,
            directory=self.directory,
            metrics=parts.metrics,
        )
        staff = load_staff(STAFF)
        notices = NoticeMailer(
            gateway=parts.gateway,
            renderer=Renderer(),
            sender=sender_from("Corner Shop <hello@shop.example>"),
            staff=staff,
        )
        self.upkeep = WebhookUpkeep(self.database, WebhookStore, notices=notices, directory=self.directory)
        subscribing = Subscribing(
            self.database,
            WebhookStore,
            vault=self.vault,
            trusted=trusted,
            check=self.gateway.check,
            clock=parts.clock,
            metrics=parts.metrics,
        )
        routers = [
            webhook_routes(subscribing, staff.members.keys()),
            delivery_routes(subscribing, self.gateway, parts.clock),
        ]
        self.app: FastAPI = create_app("notify", "", self.directory, routers, CollectorRegistry())
        self.allow("ann", *READER)

    def allow(self, name: str, *scopes: Scope, revoked: bool = False) -> None:
        """From now on somebody called so may do this."""
        key = self.keys.setdefault(name, new_key())
        now = real_now()
        kept = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=now, revoked_at=now if revoked else None)
        principal = Principal(principal_id=name, name=name.title(), kind="system", scopes=scopes, keys=(kept,))
        self._versions += 1
        self.directory.apply(name, record(snapshot(name, self._versions, principal))[1])

    async def ask(self, method: str, path: str = "", body: Any = None, *, who: str = "ann") -> Answer:
        """One request to /v1/webhooks."""
        return await call(
            self.app,
            method,
            f"/v1/webhooks{path}",
            headers={"Authorization": f"Bearer {self.keys[who].secret}", "Content-Type": "application/json"},
            body=msgspec.json.encode(body) if body is not None else b"",
        )

    async def subscribe(self, url: str, *types: str, who: str = "ann", **more: Any) -> dict[str, Any]:
        """A webhook with its secret."""
        answer = await self.ask("POST", "", {"url": url, "types": types or ("alert.*",), **more}, who=who)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, webhook: dict[str, Any], path: str = "") -> Any:
        answer = await self.ask("GET", f"/{webhook['webhook_id']}{path}")
        assert answer.status == 200, answer.body
        return answer.json()

    async def tell(self) -> None:
        """Until nothing is due and nothing is under way."""
        while await self.deliveries.step(self.parts.clock.now()):
            await self.deliveries.finish()

    async def hurry(self) -> None:
        """Leases and back-off end now."""
        await self.execute("update webhook_deliveries set due_at = clock_timestamp() where due_at is not null")
        await self.execute("update webhooks set notice_due_at = clock_timestamp() where notice_due_at is not null")

    async def execute(self, statement: str) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement)

    async def statuses(self, webhook: dict[str, Any]) -> dict[str, str]:
        """Type to status of what it was told."""
        items = (await self.get(webhook, "/deliveries?limit=1000"))["items"]
        return {item["type"]: item["status"] for item in items}
