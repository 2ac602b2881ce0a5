"""The lists and the feed of the live page on a real database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from functools import partial
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from services.alerts.console.chart import DayCounts
from services.alerts.console.feed import MOST_ROWS, Feed, Round, Watcher
from services.alerts.console.filters import Filters
from services.alerts.console.store import ConsoleStore, Row
from services.alerts.domain.lifecycle import Actor, Refusal, acknowledge, snooze
from services.alerts.handlers.deciding import write_alerts
from services.alerts.store import AlertsStore
from shared.postgres import Database
from tests.integration.alerts.bench import Bench, profile
from tests.support.builders import day


@pytest.fixture
async def crowd(bench: Bench) -> Bench:
    """Twelve customers with alerts of both kinds, in every state."""
    bench.clock.move_to(day(100))
    told = [
        profile(
            (f"shop:{n}", n % 3),
            version=1,
            references=[f"shop:{n}", f"web:{n}"],
            complaints=[(n, None if n % 4 else 50 + n)],
            owner="ann" if n % 2 else "bob",
            value_tier=("high", None)[n % 2],
        )
        for n in range(12)
    ]
    await bench.profiles(*told)
    actor = Actor("ann", bench.clock.now())
    for place, alert in enumerate(await bench.alerts(condition="firing")):
        if place % 3:
            change = partial((acknowledge, snooze)[place % 3 - 1], actor=actor, until=day(101))
            await bench.acts.act(alert.alert_id, "test", change, "c0ffee0c0ffee")
    return bench


async def rows(bench: Bench, filters: Filters, limit: int = 1_000) -> list[Row]:
    async with bench.database.connection() as connection:
        return await ConsoleStore(connection).list_rows(filters, None, limit)


async def test_the_statement_and_the_page_agree_on_what_a_filter_means(crowd: Bench) -> None:
    """What the stream adds to a list is what the list would hold if it were asked for again."""
    everything = [
        row
        for one in ("firing", "resolved", "retracted")
        for row in await rows(crowd, Filters(condition=one, handling="any"))
    ]
    assert len(everything) == 24
    assert {row.customer.value_tier for row in everything} == {"high", None}
    some = everything[3].alert
    choices = product(
        ("firing", "resolved"), ("active", "open", "acknowledged", "closed", "any"), (None, "warning"),
        (None, "ann", "x"), (None, "complaint-opened"), (None, "web:1", "op:3", some.alert_id, some.customer_id, "?"),
        (frozenset[str](), frozenset({some.customer_id})),
    )  # fmt: skip
    found = 0
    for condition, handling, severity, owner, rule, q, named in choices:
        filters = Filters(
            condition=condition, handling=handling, severity=severity, owner=owner, rule=rule, q=q, named=named
        )
        listed = {row.alert.alert_id for row in await rows(crowd, filters)}
        assert listed == {r.alert.alert_id for r in everything if filters.matches(r.alert, r.customer.references)}
        found += bool(listed)
    assert found > 50


async def test_pages_continue_where_the_last_one_ended_in_the_order_of_urgency(crowd: Bench) -> None:
    """Most severe first, then newest."""
    whole = await rows(crowd, Filters())
    keys = [(row.place.rank, -row.alert.fired_at.timestamp()) for row in whole]
    assert keys == sorted(keys)
    assert len({rank for rank, _ in keys}) == 2
    paged: list[Row] = []
    async with crowd.database.connection() as connection:
        while part := await ConsoleStore(connection).list_rows(Filters(), paged[-1].place if paged else None, 4):
            paged += part
    assert [row.alert.alert_id for row in paged] == [row.alert.alert_id for row in whole]


@asynccontextmanager
async def acknowledging(bench: Bench, alert_id: str) -> AsyncIterator[int]:
    """An act whose transaction has taken its version and is still under way."""
    async with bench.database.transaction() as connection:
        store = AlertsStore(connection)
        row = await store.lock_alert(alert_id)
        assert row is not None
        after = acknowledge(row.alert, Actor("ann", bench.clock.now()), day(102))
        assert not isinstance(after, Refusal)
        (written,) = await write_alerts(store, [(after, "c0ffee0c0ffee")], {alert_id: row}, bench.clock.now())
        yield written.version


async def test_what_commits_late_is_told_though_a_later_version_was_told_before(crowd: Bench) -> None:
    """Both to who watches and to who comes back with the id of the message between."""
    first, second = [row.alert.alert_id for row in await rows(crowd, Filters(handling="open"))][:2]
    feed = Feed(crowd.database)
    watcher = feed.join()
    await feed.step(day(100))
    rest_of(watcher)
    async with acknowledging(crowd, first) as early:
        async with acknowledging(crowd, second) as late:
            assert late > early
        await feed.step(day(100))
        between = watcher.rounds.get_nowait()
        assert [row.alert.alert_id for row in between.rows or ()] == [second]
        async with crowd.database.connection() as connection:
            assert await ConsoleStore(connection).get_horizon(timedelta(0)) <= early
        await feed.step(day(100))
        assert watcher.rounds.empty()
    await feed.step(day(100))
    after = watcher.rounds.get_nowait()
    assert [(row.alert.alert_id, row.version) for row in after.rows or ()] == [(first, early)]
    missed = await feed.catch_up(between.horizon)
    assert missed is not None
    assert (first, early) in [(row.alert.alert_id, row.version) for row in missed]


async def test_the_horizon_follows_the_clock_when_nobody_writes(crowd: Bench) -> None:
    """So that coming back is cheap."""
    async with crowd.database.connection() as connection:
        store = ConsoleStore(connection)
        version = max(row.version for row in await rows(crowd, Filters()))
        assert await store.get_horizon(timedelta(0)) > version
        assert await store.get_horizon() < await store.get_horizon(timedelta(0))


async def test_a_flood_is_told_as_one_message_to_ask_again(bench: Bench) -> None:
    """Neither the stream nor a slow page holds more than a bounded number of rows."""
    bench.clock.move_to(day(100))
    feed = Feed(bench.database)
    watcher = feed.join()
    await feed.step(day(100))
    await bench.profiles(
        *[profile((f"shop:{n}", 0), version=1, references=[f"shop:{n}"]) for n in range(MOST_ROWS + 1)]
    )
    await feed.step(day(100))
    told = watcher.rounds.get_nowait()
    assert (told.rows, await feed.catch_up(0)) == (None, None)
    await feed.step(day(100))
    assert all(one.rows == () for one in rest_of(watcher))


def rest_of(watcher: Watcher) -> list[Round]:
    found = []
    while not watcher.rounds.empty():
        found.append(watcher.rounds.get_nowait())
    return found


async def test_the_chart_counts_what_fired_and_ended_on_each_day_of_the_viewer(crowd: Bench) -> None:
    """Business days, also where midnight is another instant; what was withdrawn is not counted."""
    everything = await crowd.alerts()
    now = crowd.clock.now()
    for zone in ("UTC", "Asia/Shanghai", "America/St_Johns"):
        days = await DayCounts(crowd.database).days(now, ZoneInfo(zone))
        assert days is not None
        assert [one.day for one in days] == [
            now.astimezone(ZoneInfo(zone)).date() - timedelta(n) for n in range(29, -1, -1)
        ]
        for one in days:
            fired = [a for a in everything if a.condition != "retracted" and date_in(zone, a.fired_at) == one.day]
            ended = [a for a in everything if a.condition == "resolved" and date_in(zone, a.resolved_at) == one.day]
            assert (one.fired, one.ended) == (len(fired), len(ended))
        assert sum(one.fired for one in days) > 0


def date_in(zone: str, instant: datetime | None) -> date | None:
    return instant.astimezone(ZoneInfo(zone)).date() if instant is not None else None


async def test_the_chart_is_counted_once_for_many_and_does_without_the_database(crowd: Bench) -> None:
    """A page that is opened again and again costs no more, and none waits for a count that cannot be had."""
    counts = DayCounts(crowd.database)
    first = await counts.days(crowd.clock.now(), ZoneInfo("UTC"))
    crowd.clock.move_to(day(110))
    assert await counts.days(crowd.clock.now(), ZoneInfo("UTC")) is first
    away = DayCounts(Database("postgresql://nowhere", application="tests"))
    assert await away.days(crowd.clock.now(), ZoneInfo("UTC")) is None
