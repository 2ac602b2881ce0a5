"""Puts scoring together."""

from services.scoring import consumers, handlers, http, timers
from services.scoring.metrics import ScoringMetrics
from services.scoring.settings import Settings
from services.scoring.store import SQL, ScoringStore
from shared.application import Application
from shared.clock import Clock
from shared.kafka.topics import PROFILES, SCORES


def build(settings: Settings, *, clock: Clock | None = None) -> Application:
    """The service, ready to start."""
    app = Application(
        "scoring",
        settings,
        store=ScoringStore,
        publishes=SCORES,
        sql=SQL,
        description="How every customer is doing, why, and when that changes.",
        clock=clock,
    )
    app.recalls(ScoringStore)
    metrics = ScoringMetrics(app.registry)
    settled = app.settled(PROFILES)
    app.consume(consumers.profiles(handlers.on_profiles(ScoringStore, metrics, clock=app.clock, settled=settled)))
    app.passes_on(PROFILES)
    app.every("transitions", timers.transitions(app.database, ScoringStore, metrics, clock=app.clock), clock=settled)
    app.route(http.routes(app.database, ScoringStore, app.clock))
    return app
