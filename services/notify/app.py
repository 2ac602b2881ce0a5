"""Composition root of notify."""

from pathlib import Path

from services.notify.consumers import subscriptions
from services.notify.domain.planning import Planner
from services.notify.gateways.mailer import Mailer
from services.notify.gateways.messages import sender_from
from services.notify.gateways.rendering import Renderer
from services.notify.gateways.smtp import SmtpGateway, smtp_server_from
from services.notify.gateways.staff import load_staff
from services.notify.handlers import Planning
from services.notify.http.notifications import notification_routes
from services.notify.http.unsubscribe import Unsubscribing, unsubscribe_routes
from services.notify.metrics import NotifyMetrics
from services.notify.settings import Settings
from services.notify.store import NotifyStore
from services.notify.timers import Claims, Outbox, Sender, WaitingAlerts
from shared.application import Application
from shared.clock import Clock
from shared.ids import notification_id_of
from shared.kafka.topics import INBOUND, NOTIFICATIONS

SQL = Path(__file__).parent / "sql"


def build(settings: Settings, *, clock: Clock | None = None) -> Application:
    """Everything of one notify process, not started yet. Raises ConfigurationError for a bad staff file."""
    app = Application(
        "notify",
        settings,
        store=NotifyStore,
        publishes=NOTIFICATIONS,
        sql=SQL,
        description="What was sent to whom about alerts, and why not.",
        clock=clock,
    )
    staff = load_staff(settings.staff)
    metrics = NotifyMetrics(app.registry)
    renderer = Renderer()
    secret = settings.secret.get_secret_value().encode()
    planning = Planning(NotifyStore, planner=Planner(staff, notification_id_of), clock=app.clock)
    for subscription in subscriptions(planning):
        app.consume(subscription)
    claims = Claims(app.database, NotifyStore, staff=staff, customer_sends=settings.customer_sends, metrics=metrics)
    mailer = Mailer(
        gateway=SmtpGateway(smtp_server_from(settings.smtp_url.get_secret_value())),
        renderer=renderer,
        sender=sender_from(settings.mail_from),
        staff=staff,
        public_url=settings.public_url.rstrip("/"),
        secret=secret,
    )
    app.every("waiting_alerts", WaitingAlerts(app.database, planning).step)
    app.every("sender", Sender(claims, mailer, clock=app.clock, metrics=metrics).step)
    outbox = Outbox(app.database, NotifyStore, sender=app.publisher, topic=app.topic(INBOUND).name)
    app.every("outbox", outbox.step)
    unsubscribing = Unsubscribing(app.database, NotifyStore, secret=secret, clock=app.clock)
    app.route(notification_routes(app.database, NotifyStore))
    app.route(unsubscribe_routes(unsubscribing, renderer, metrics))
    return app
