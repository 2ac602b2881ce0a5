"""From a task to a letter to the mail server."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from services.notify.domain.attempts import Attempt, Outcome
from services.notify.domain.dispatches import Dispatch
from services.notify.domain.entities import Cause, Contact, Staff
from services.notify.domain.letters import customer_letter, staff_letter
from services.notify.domain.unsubscribe import token_for
from services.notify.gateways.messages import Sender, compose
from services.notify.gateways.rendering import Renderer, RenderingError
from services.notify.gateways.smtp import SmtpGateway

log = structlog.get_logger(__name__)


class Task(Protocol):
    """What is to be sent."""

    @property
    def dispatch(self) -> Dispatch: ...

    @property
    def cause(self) -> Cause: ...

    @property
    def contact(self) -> Contact | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """Writes and sends; `public_url` is the base of unsubscribe links."""

    gateway: SmtpGateway
    renderer: Renderer
    sender: Sender
    staff: Staff
    public_url: str
    secret: bytes = field(repr=False)

    async def deliver(self, task: Task, now: datetime) -> Attempt:
        """One attempt. A letter that cannot be written is not sent at all."""
        try:
            message, to = self._written(task, now)
        except (RenderingError, ValueError) as error:
            log.error(
                "letter_not_written",
                notification_id=task.dispatch.notification.notification_id,
                error=str(error) if isinstance(error, RenderingError) else type(error).__name__,
            )
            return Attempt(Outcome.TEMPLATE_ERROR)
        return await self.gateway.send(message, sender=self.sender.address, to=to)

    def _written(self, task: Task, now: datetime) -> tuple[bytes, str]:
        entry = task.dispatch.notification
        contact = task.contact
        unsubscribe_url = None
        if entry.to_customer:
            if contact is None or contact.address is None:
                raise RenderingError("the customer has no address any more")
            to = contact.address
            unsubscribe_url = f"{self.public_url}/v1/unsubscribe/{token_for(self.secret, contact.customer_id)}"
            values = customer_letter(task.cause, contact, company=self.sender.company, unsubscribe_url=unsubscribe_url)
        else:
            member = self.staff.members.get(entry.recipient_id)
            if member is None:
                raise RenderingError("the staff member is not in staff.yaml any more")
            to = member.address
            values = staff_letter(entry, task.cause, contact, member)
        message = compose(
            self.renderer.letter(entry.template, entry.locale, values),
            sender=self.sender,
            to=to,
            notification_id=entry.notification_id,
            now=now,
            unsubscribe_url=unsubscribe_url,
        )
        return message, to
