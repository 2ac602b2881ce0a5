"""Mail to the default owner about a webhook that was disabled."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from services.notify.domain.attempts import Attempt, Outcome
from services.notify.domain.entities import Staff
from services.notify.domain.letters import in_zone, one_line
from services.notify.domain.webhooks import Webhook
from services.notify.gateways.messages import Sender, compose
from services.notify.gateways.rendering import Renderer, RenderingError
from services.notify.gateways.smtp import SmtpGateway

_NOTICES = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a08")
TEMPLATE = "webhook_disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeMailer:
    """Writes and sends; the same notice has the same Message-ID."""

    gateway: SmtpGateway
    renderer: Renderer
    sender: Sender
    staff: Staff

    async def deliver(self, webhook: Webhook, principal: str, now: datetime) -> Attempt:
        """One attempt to tell that `webhook`, of the principal called so, is disabled."""
        member = self.staff.members[self.staff.default_owner]
        disabled_at = webhook.disabled_at or now
        values = {
            "staff_name": one_line(member.name),
            "webhook_id": webhook.webhook_id,
            "host": webhook.host,
            "principal": one_line(principal),
            "description": one_line(webhook.description) if webhook.description else None,
            "reason": str(webhook.disabled_reason),
            "disabled_at": in_zone(disabled_at, member.zone),
        }
        try:
            message = compose(
                self.renderer.letter(TEMPLATE, member.locale, values),
                sender=self.sender,
                to=member.address,
                notification_id=str(uuid5(_NOTICES, f"{webhook.webhook_id} {disabled_at.isoformat()}")),
                now=now,
            )
        except (RenderingError, ValueError):
            return Attempt(Outcome.TEMPLATE_ERROR)
        return await self.gateway.send(message, sender=self.sender.address, to=member.address)
