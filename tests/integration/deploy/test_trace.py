"""`ebbtide trace` tells the whole path of an interaction, and where it ended when it got nowhere."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from deploy.operation.tracing import Trace, Wanted, trace_interaction
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.ids import customer_id_of
from shared.kafka.topics import INTERACTIONS
from tests.integration.deploy.operator import operator_of
from tests.integration.deploy.test_doctor import NOWHERE, SERVICES, installation_of
from tests.support.builders import day
from tests.support.stack import Lease
from tests.support.topics import publish
from tests.support.world import World, open_world


@pytest.fixture(scope="module")
async def world(stack: EmbeddedStack | ExternalStack, templates: dict[str, str]) -> AsyncIterator[World]:
    """All five services, on the first of January; the same for all tests, so that none may stop one."""
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, day(0)) as world:
            yield world
    finally:
        await lease.drop()


def purchase(id: str, subject: str, at: float) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": "shop/till",
        "type": "customer.purchase",
        "subject": subject,
        "time": day(at).isoformat(),
        "data": {"amount": "12.50", "currency": "USD"},
    }


def told(trace: Trace, service: str) -> str:
    return "\n".join(f"{step.outcome} {step.at or ''} {step.says}" for step in trace.steps if step.service == service)


async def test_the_path_of_a_purchase_that_was_the_last_for_ninety_days(world: World) -> None:
    await world.post([purchase("order-1", "shop:1", 0)])
    await world.move_to(day(90) + timedelta(seconds=1))
    installation = installation_of(world)
    trace = await trace_interaction(installation, Wanted(id="order-1"))
    assert trace.found
    assert trace.customer_ids == [customer_id_of("shop:1")]
    assert "customer.purchase of shop:1 from shop/till is stored in the timeline" in told(trace, "profiles")
    assert "it is the customer's last purchase and last activity" in told(trace, "profiles")
    assert "lifecycle lapsing since" in told(trace, "profiles")
    assert "churn_risk is " in told(trace, "scoring")
    assert "of rule no-purchase-90d, anchored at it: firing, open" in told(trace, "alerts")
    assert f"done {day(90).isoformat().replace('+00:00', 'Z')} " in told(trace, "alerts")
    assert "done " in told(trace, "notify")
    assert "about its fired: sent" in told(trace, "notify")
    assert "about its fired: dropped, no_consent: the customer has not agreed to mail" in told(trace, "notify")
    by_reference = await trace_interaction(installation, Wanted(id="order-1", source="shop/till", reference="shop:1"))
    assert by_reference.alert_ids == trace.alert_ids
    assert not (await trace_interaction(installation, Wanted(id="order-1", reference="shop:2"))).found
    alone = replace(installation, urls={**installation.urls, "scoring": NOWHERE})
    assert told(await trace_interaction(alone, Wanted(id="order-1")), "scoring").startswith("unknown  scoring does")


async def test_what_never_became_part_of_a_timeline_is_looked_for_elsewhere(world: World) -> None:
    await publish(world.lease, INTERACTIONS, [(b"shop:2", b'{"id":"order-2","specversion":2}')])
    await world.rest()
    operator = operator_of(world.lease, world.dsns, {name: world.url(name) for name in SERVICES}, world.key)
    code, report, said = await operator.run("trace", "order-2", "--json")
    assert (code, report["found"]) == (1, False), said
    assert "was set aside as wrong_shape: dead letter profiles/" in report["steps"][1]["says"]
    code, text, _ = await operator.run("trace", "order-3")
    assert code == 1
    assert "no interaction with this id is in anybody's timeline" in text
    assert "it was never acknowledged with 202" in text


async def test_a_trace_takes_a_key_that_may_ask(world: World) -> None:
    urls = {name: world.url(name) for name in SERVICES}
    code, _, said = await operator_of(world.lease, world.dsns, urls).run("trace", "order-1")
    assert (code, said.startswith("ebbtide: A key with the scope admin is needed")) == (1, True)
    code, _, said = await operator_of(world.lease, world.dsns, urls, "ebb_wrong").run("trace", "order-1")
    assert (code, said.startswith("ebbtide: profiles refuses (401)")) == (1, True)
