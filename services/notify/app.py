"""Composition root of notify."""

from pathlib import Path

from services.notify.consumers import subscriptions
from services.notify.domain.destinations import trusted_from
from services.notify.domain.planning import Planner
from services.notify.gateways.mailer import Mailer
from services.notify.gateways.messages import sender_from
from services.notify.gateways.notices import NoticeMailer
from services.notify.gateways.rendering import Renderer
from services.notify.gateways.smtp import SmtpGateway, smtp_server_from
from services.notify.gateways.staff import load_staff
from services.notify.gateways.webhooks import WebhookGateway
from services.notify.handlers import Announcing, Planning, Subscribing, Vault
from services.notify.http.deliveries import delivery_routes
from services.notify.http.notifications import notification_routes
from services.notify.http.unsubscribe import Unsubscribing, unsubscribe_routes
from services.notify.http.webhooks import webhook_routes
from services.notify.metrics import NotifyMetrics
from services.notify.settings import Settings
from services.notify.store import NotifyStore, WebhookStore
from services.notify.timers import Claims, Deliveries, Outbox, Sender, WaitingAlerts, WebhookUpkeep
from shared.application import Application
from shared.clock import Clock
from shared.ids import notification_id_of
from shared.kafka.topics import INBOUND, NOTIFICATIONS
from shared.pipeline.timers import TIDY_SECONDS

# How soon an owner is told that a webhook was disabled.
NOTICE_SECONDS = 2.0

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
    app.recalls(
        NotifyStore, restore=lambda connection, payloads: NotifyStore(connection).restore_notifications(payloads)
    )
    staff = load_staff(settings.staff)
    metrics = NotifyMetrics(app.registry)
    renderer = Renderer()
    secret = settings.secret.get_secret_value().encode()
    announcing = Announcing(WebhookStore, default_owner=staff.default_owner, clock=app.clock, metrics=metrics)
    planning = Planning(NotifyStore, planner=Planner(staff, notification_id_of), announcing=announcing, clock=app.clock)
    for subscription in subscriptions(planning):
        app.consume(subscription)
    claims = Claims(
        app.database,
        NotifyStore,
        staff=staff,
        customer_sends=settings.customer_sends,
        announcing=announcing,
        metrics=metrics,
    )
    mailer = Mailer(
        gateway=SmtpGateway(smtp_server_from(settings.smtp_url.get_secret_value())),
        renderer=renderer,
        sender=sender_from(settings.mail_from),
        staff=staff,
        public_url=settings.public_url.rstrip("/"),
        secret=secret,
    )
    app.at_stop(mailer.gateway.close)
    app.every("waiting_alerts", WaitingAlerts(app.database, planning).step)
    sender = Sender(claims, mailer, clock=app.clock, metrics=metrics)
    app.every("sender", sender.step, finish=sender.finish)
    outbox = Outbox(app.database, NotifyStore, sender=app.publisher, topic=app.topic(INBOUND).name)
    app.every("outbox", outbox.step)
    unsubscribing = Unsubscribing(app.database, NotifyStore, secret=secret, clock=app.clock)
    app.route(notification_routes(app.database, NotifyStore))
    app.route(unsubscribe_routes(unsubscribing, renderer, metrics))
    _add_webhooks(app, settings, mailer, metrics)
    return app


def _add_webhooks(app: Application, settings: Settings, mailer: Mailer, metrics: NotifyMetrics) -> None:
    """Their routes, their deliveries, and mail about those that were disabled."""
    trusted = trusted_from(settings.webhook_trusted)
    gateway = WebhookGateway(trusted)
    vault = Vault(mailer.secret)
    subscribing = Subscribing(
        app.database,
        WebhookStore,
        vault=vault,
        trusted=trusted,
        check=gateway.check,
        clock=app.clock,
        metrics=metrics,
    )
    deliveries = Deliveries(
        app.database, WebhookStore, gateway=gateway, vault=vault, directory=app.directory, metrics=metrics
    )
    notices = NoticeMailer(gateway=mailer.gateway, renderer=mailer.renderer, sender=mailer.sender, staff=mailer.staff)
    upkeep = WebhookUpkeep(app.database, WebhookStore, notices=notices, directory=app.directory)
    app.every("webhook_deliveries", deliveries.step, finish=deliveries.finish)
    app.every("webhook_pruning", upkeep.prune, idle_seconds=TIDY_SECONDS)
    app.every("webhook_notices", upkeep.notify, idle_seconds=NOTICE_SECONDS)
    app.route(webhook_routes(subscribing, mailer.staff.members.keys()))
    app.route(delivery_routes(subscribing, gateway, app.clock))
