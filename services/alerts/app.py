"""Builds alerts: the only file of it that constructs."""

from collections.abc import Mapping
from pathlib import Path

from services.alerts.console import DayCounts, Desk, Feed, Neighbours, Sessions, console_routes
from services.alerts.console.rendering import Renderer
from services.alerts.consumers import subscriptions
from services.alerts.gateways.rules_file import read_rules
from services.alerts.handlers import Acts, Batches, Decider, Rulebook
from services.alerts.http import create_router
from services.alerts.metrics import AlertMetrics
from services.alerts.settings import Settings
from services.alerts.store import AlertsStore
from services.alerts.timers import RuleRollout, Standstill, Timers
from shared.application import Application
from shared.clock import Clock
from shared.kafka.topics import ALERTS, PROFILES, SCORES
from shared.pipeline.settled import SettledClock
from shared.pipeline.timers import TIDY_SECONDS

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
    app.recalls(AlertsStore, restore=lambda connection, payloads: AlertsStore(connection).restore_alerts(payloads))
    metrics = AlertMetrics(app.registry)
    settled = {"profile": app.settled(PROFILES), "score": app.settled(SCORES)}
    decider = Decider(rulebook, metrics, settled=settled)
    for subscription in subscriptions(Batches(decider, clock=app.clock, store=AlertsStore)):
        app.consume(subscription)
    timers = Timers(decider, database=app.database, store=AlertsStore, clock=app.clock, metrics=metrics)
    app.every("rules", RuleRollout(decider, database=app.database, store=AlertsStore).step)
    app.every("profiles", timers.wake_profiles, clock=settled["profile"])
    app.every("scores", timers.wake_scores, clock=settled["score"])
    app.every("promises", timers.reopen_promised)
    app.every("forget", timers.forget_old, idle_seconds=TIDY_SECONDS)
    app.every("standstill", _standstill(app, settled, rulebook).step)
    acts = Acts(app.database, clock=app.clock, store=AlertsStore, metrics=metrics)
    app.route(create_router(acts, database=app.database, store=AlertsStore))
    feed = Feed(app.database)
    app.every("console", feed.step)
    neighbours = Neighbours(
        {"profiles": settings.profiles_url, "scoring": settings.scoring_url, "notify": settings.notify_url}
    )
    app.run("neighbours", neighbours.run)
    app.route(console_routes(_desk(app, acts, rulebook, feed=feed, neighbours=neighbours)))
    return app


def _standstill(app: Application, settled: Mapping[str, SettledClock], rulebook: Rulebook) -> Standstill:
    version = rulebook.rules.version
    return Standstill(settled, database=app.database, store=AlertsStore, version=version)


def _desk(app: Application, acts: Acts, rulebook: Rulebook, *, feed: Feed, neighbours: Neighbours) -> Desk:
    return Desk(
        database=app.database,
        acts=acts,
        sessions=Sessions(app.database, app.directory),
        feed=feed,
        renderer=Renderer(app.directory.name_of),
        neighbours=neighbours,
        day_counts=DayCounts(app.database),
        rule_ids=tuple(rule.id for rule in rulebook.rules.rules),
        stopping=lambda: app.health.waiting_for == "stop",
    )
