"""Builds alerts: the only file of it that constructs."""

from pathlib import Path

from services.alerts.console import Desk, Feed, Sessions, console_routes
from services.alerts.console.rendering import Renderer
from services.alerts.consumers import subscriptions
from services.alerts.gateways.rules_file import read_rules
from services.alerts.handlers import Acts, Batches, Decider, Rulebook
from services.alerts.http import create_router
from services.alerts.metrics import AlertMetrics
from services.alerts.settings import Settings
from services.alerts.store import AlertsStore
from services.alerts.timers import RuleRollout, Timers
from shared.application import Application
from shared.clock import Clock
from shared.kafka.topics import ALERTS

SQL = Path(__file__).parent / "sql"


def build(settings: Settings, *, clock: Clock | None = None) -> Application:
    """The service, ready to be started. Raises ConfigurationError when the rules cannot be used."""
    rulebook = Rulebook(read_rules(settings.rules))
    app = Application(
        "alerts",
        settings,
        store=AlertsStore,
        publishes=ALERTS,
        sql=SQL,
        description="Tells what needs somebody, until it is closed.",
        clock=clock,
    )
    metrics = AlertMetrics(app.registry)
    decider = Decider(rulebook, metrics)
    for subscription in subscriptions(Batches(decider, clock=app.clock, store=AlertsStore)):
        app.consume(subscription)
    timers = Timers(decider, database=app.database, store=AlertsStore, metrics=metrics)
    app.every("rules", RuleRollout(decider, database=app.database, store=AlertsStore).step)
    app.every("profiles", timers.wake_profiles)
    app.every("scores", timers.wake_scores)
    app.every("promises", timers.reopen_promised)
    app.every("forget", timers.forget_old)
    acts = Acts(app.database, clock=app.clock, store=AlertsStore, metrics=metrics)
    app.route(create_router(acts, database=app.database, store=AlertsStore))
    feed = Feed(app.database)
    app.every("console", feed.step)
    app.route(console_routes(_desk(app, acts, feed, rulebook)))
    return app


def _desk(app: Application, acts: Acts, feed: Feed, rulebook: Rulebook) -> Desk:
    return Desk(
        database=app.database,
        acts=acts,
        sessions=Sessions(app.database, app.directory),
        feed=feed,
        renderer=Renderer(app.directory.name_of),
        rule_ids=tuple(rule.id for rule in rulebook.rules.rules),
        stopping=lambda: app.health.waiting_for == "stop",
    )
