"""What every service tells of itself: answers by status, what it waits for, its release."""

from prometheus_client import CollectorRegistry

from shared.access import Directory
from shared.http.app import create_app
from shared.http.health import operator_routes
from shared.observability.health import Health, Kind, Reason
from shared.observability.release import release
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


async def test_readiness_and_metrics_tell_what_somebody_has_to_mend_from_what_comes_back_by_itself() -> None:
    """The status is the gravest kind, so that a tool need not read sentences."""
    registry, health = CollectorRegistry(), Health()
    health.waiting_for = None
    app = create_app("tally", "", Directory(), [operator_routes("tally", health, registry, ())], registry)
    seen = []
    for part, kind in (("a", Kind.WAITING), ("c", Kind.HALTED), ("b", Kind.STOPPED)):

        async def check(part: str = part, kind: Kind = kind) -> Reason:
            return Reason(f"why {part}", kind)

        health.add(part, check)
        answer = await call(app, "GET", "/readyz")
        seen.append((answer.status, answer.json()["status"]))
    assert seen == [(503, "waiting"), (503, "halted"), (503, "halted")]
    assert answer.json()["waiting_for"] == {"a": "why a", "b": "why b", "c": "why c"}
    metrics = (await call(app, "GET", "/metrics")).body
    for line in (b'kind="waiting",part="a"', b'kind="stopped",part="b"', b'kind="halted",part="c"'):
        assert b"ebbtide_waiting{" + line + b"} 1.0" in metrics


async def test_livez_names_the_release() -> None:
    registry = CollectorRegistry()
    app = create_app("tally", "", Directory(), [operator_routes("tally", Health(), registry, ())])
    assert (await call(app, "GET", "/livez")).json() == {"status": "alive", "release": release()}
