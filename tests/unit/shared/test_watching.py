"""What every service tells of itself: answers by status, what it waits for, its release."""

from prometheus_client import CollectorRegistry

from shared.access import Directory
from shared.http.app import create_app
from shared.http.health import operator_routes
from shared.kafka.topics import INTERACTIONS
from shared.observability.health import Health, kind_of
from shared.observability.release import release
from shared.pipeline import Pipeline, Subscription
from tests.support.asgi import call


async def test_answers_are_counted_by_status_and_probes_are_not() -> None:
    registry, health = CollectorRegistry(), Health()
    health.waiting_for = "Kafka"
    app = create_app("tally", "", Directory(), [operator_routes("tally", health, registry, ())], registry)
    for path in ("/asyncapi.json", "/v1/nothing", "/v1/nothing", "/readyz", "/livez", "/metrics"):
        await call(app, "GET", path)
    seen = {
        status: registry.get_sample_value("ebbtide_http_answers_total", {"status": status})
        for status in ("200", "404", "503")
    }
    assert seen == {"200": 1, "404": 2, "503": None}


async def test_metrics_tell_what_the_service_waits_for_as_long_as_it_does() -> None:
    registry, health = CollectorRegistry(), Health()
    app = create_app("tally", "", Directory(), [operator_routes("tally", health, registry, ())], registry)
    assert b'ebbtide_waiting{kind="waiting",part="start"} 1.0' in (await call(app, "GET", "/metrics")).body
    health.waiting_for = None
    assert b"ebbtide_waiting{" not in (await call(app, "GET", "/metrics")).body


async def test_a_halted_partition_is_told_from_one_that_waits() -> None:
    subscription = Subscription(topic=INTERACTIONS, group="g", handler=None)  # type: ignore[arg-type]
    pipeline = Pipeline(subscription, database=None, snapshots=None, metrics=None, max_records=1)  # type: ignore[arg-type]
    assert kind_of(pipeline.not_ready() or "") == "waiting"
    pipeline._assignment.halted[2] = "offsets 3 to 9 are missing from the log"
    assert kind_of(pipeline.not_ready() or "") == "halted"


async def test_livez_names_the_release() -> None:
    registry = CollectorRegistry()
    app = create_app("tally", "", Directory(), [operator_routes("tally", Health(), registry, ())])
    assert (await call(app, "GET", "/livez")).json() == {"status": "alive", "release": release()}
