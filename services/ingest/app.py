"""Builds ingest: the only file of it that constructs."""

from datetime import timedelta
from functools import partial

from services.ingest.consumers import inbound
from services.ingest.domain.quota import Quota
from services.ingest.domain.references import References
from services.ingest.gateways.outlet import BatchOutlet, GroupedOutlet
from services.ingest.gateways.phones import normalise_phone
from services.ingest.gateways.spool import Spool, SpoolingOutlet
from services.ingest.handlers.inbound import Inbound
from services.ingest.handlers.interactions import Reception
from services.ingest.handlers.quarantine import Quarantine
from services.ingest.http import create_router, quarantine_routes
from services.ingest.metrics import IngestMetrics
from services.ingest.settings import Settings
from services.ingest.store import SQL, IngestStore
from services.ingest.timers import Pruning
from shared.application import Application
from shared.clock import Clock
from shared.kafka.topics import ACCESS, INTERACTIONS


def build(settings: Settings, *, clock: Clock | None = None) -> Application:
    """The service, ready to be started."""
    app = Application(
        "ingest",
        settings,
        store=IngestStore,
        publishes=ACCESS,
        sql=SQL,
        description="Takes in what happened, from every system of the company.",
        clock=clock,
    )
    metrics = IngestMetrics(app.registry)
    interactions = app.topic(INTERACTIONS).name
    outlet = GroupedOutlet(app.publisher, interactions, patience_seconds=settings.acknowledge_seconds, metrics=metrics)
    references = References(
        settings.secret.get_secret_value().encode(), partial(normalise_phone, region=settings.phone_region)
    )
    spool = Spool(app.database, IngestStore, limit=settings.spool_limit, metrics=metrics)
    reception = Reception(SpoolingOutlet(outlet, spool), clock=app.clock, references=references, metrics=metrics)
    quota = Quota(settings.events_per_second, settings.events_burst)
    handlers = Inbound(
        IngestStore, clock=app.clock, references=references, namespace=settings.inbound_namespace, metrics=metrics
    )
    app.accepts(INTERACTIONS, complete=spool.is_empty)
    app.every("spool", lambda _: spool.drain(app.publisher, interactions))
    app.consume(inbound(handlers, BatchOutlet(app.publisher, interactions, metrics=metrics)))
    quarantine = Quarantine(reception, namespace=settings.inbound_namespace, metrics=metrics)
    open_for = timedelta(days=settings.quarantine_days)
    app.run("pruning", Pruning(app.database, IngestStore, open_for=open_for, metrics=metrics).run)
    app.route(create_router(reception, quota=quota, metrics=metrics))
    app.route(quarantine_routes(quarantine, database=app.database, store=IngestStore))
    return app
