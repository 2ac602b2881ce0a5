"""What protects the live page, asked over HTTP; without a database, which says how far a request got."""

from datetime import timedelta
from urllib.parse import urlencode

import msgspec
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from services.alerts.console import DayCounts, Desk, Feed, Neighbours, Sessions, console_routes
from services.alerts.console.guard import HEADERS, local_path
from services.alerts.console.rendering import Renderer
from services.alerts.console.viewer import session_cookie
from services.alerts.handlers import Acts
from services.alerts.metrics import AlertMetrics
from services.alerts.store import AlertsStore
from shared.access import Directory, NewKey, new_key
from shared.clock import real_now
from shared.contracts import AccessKey, Principal, Snapshot
from shared.contracts.access import Scope
from shared.http.app import create_app
from shared.http.problems import ApiError
from shared.http.throttle import Throttle
from shared.postgres import Database
from tests.support.asgi import Answer, call
from tests.support.builders import day
from tests.support.clock import ManualClock

HOST = {"host": "ebbtide.example"}
OURS = {**HOST, "sec-fetch-site": "same-origin"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def directory() -> Directory:
    made = Directory()
    made.loaded = True
    return made


@pytest.fixture
def app(directory: Directory) -> FastAPI:
    database = Database("postgresql://nowhere", application="tests")
    metrics = AlertMetrics(CollectorRegistry())
    desk = Desk(
        database=database,
        acts=Acts(database, clock=ManualClock(day(0)), store=AlertsStore, metrics=metrics),
        sessions=Sessions(database, directory),
        feed=Feed(database),
        renderer=Renderer(directory.name_of),
        neighbours=Neighbours({}),
        day_counts=DayCounts(database),
        rule_ids=("no-purchase-90d",),
        stopping=lambda: False,
    )
    return create_app("alerts", "", directory, [console_routes(desk)])


def known(directory: Directory, *scopes: Scope) -> NewKey:
    """A key of somebody with these scopes."""
    key = new_key()
    entry = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now())
    principal = Principal(principal_id="p1", name="Ann", kind="person", scopes=scopes, keys=(entry,))
    told = Snapshot(id="p1:1", source="tests", type="tests", subject="p1", time=real_now(), version=1, data=principal)
    directory.apply("p1", msgspec.json.encode(told))
    return key


async def post(app: FastAPI, path: str, headers: dict[str, str], **form: str) -> Answer:
    return await call(app, "POST", path, headers={**FORM, **headers}, body=urlencode(form).encode())


async def test_who_has_not_signed_in_is_asked_to_and_comes_back_to_where_they_wanted(app: FastAPI) -> None:
    answer = await call(app, "GET", "/?severity=critical", headers=HOST)
    assert (answer.status, answer.headers["location"]) == (303, "/console/sign-in?next=%2F%3Fseverity%3Dcritical")
    page = await call(app, "GET", answer.headers["location"], headers=HOST)
    assert page.status == 200
    assert b'name="next" value="/?severity=critical"' in page.body
    for path in ("/console/events", "/console/alerts/x?part=1"):
        answer = await call(app, "GET", path, headers={**HOST, "accept": "text/event-stream"})
        assert (answer.status, answer.json()["code"]) == (401, "signed_out")


async def test_a_link_from_elsewhere_is_asked_again_so_that_the_strict_cookie_is_sent(app: FastAPI) -> None:
    answer = await call(app, "GET", "/console/alerts/x", headers={**HOST, "sec-fetch-site": "cross-site"})
    assert answer.status == 200
    assert b'content="0; url=/console/alerts/x"' in answer.body


async def test_every_answer_carries_the_headers(app: FastAPI) -> None:
    asked = [
        await call(app, "GET", "/", headers=HOST),
        await call(app, "GET", "/console/sign-in", headers=HOST),
        await call(app, "GET", "/console/static/console.js", headers=HOST),
        await call(app, "GET", "/console/static/none.js", headers=HOST),
        await post(app, "/console/acts", HOST),
    ]
    for answer in asked:
        assert {name.lower(): answer.headers[name.lower()] for name in HEADERS} == {
            name.lower(): value for name, value in HEADERS.items()
        }
    assert [answer.headers["cache-control"] for answer in asked[:2]] == ["no-store", "no-store"]
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://ebbtide.example"}, False),
        ({"origin": "https://ebbtide.example"}, True),
        ({"origin": "https://ebbtide.example.evil"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("path", ["/console/acts", "/console/sign-in", "/console/sign-out", "/console/preferences"])
async def test_acts_come_from_our_own_pages_only(
    app: FastAPI, path: str, headers: dict[str, str], passes: bool
) -> None:
    answer = await post(app, path, {**HOST, **headers, "accept": "application/json"})
    refused = answer.status == 403 and answer.json()["code"] == "cross_site"
    assert refused is not passes


async def test_a_bad_key_is_refused_in_words_and_too_many_are_not_even_looked_at(
    app: FastAPI, directory: Directory
) -> None:
    answers = [await post(app, "/console/sign-in", OURS, key=new_key().secret) for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert "This key is not valid" in answers[0].body.decode()
    good = await post(app, "/console/sign-in", OURS, key=known(directory, "alerts:read").secret)
    assert good.status == 429


async def test_a_key_that_may_not_look_is_told_so_in_the_language_of_the_browser(
    app: FastAPI, directory: Directory
) -> None:
    key = known(directory, "interactions:write").secret
    answer = await post(app, "/console/sign-in", {**OURS, "accept-language": "zh-CN"}, key=key)
    assert answer.status == 403
    assert "该密钥没有相应权限" in answer.body.decode()
    assert key not in answer.body.decode()


async def test_while_the_database_is_away_people_are_told_to_try_again(app: FastAPI, directory: Directory) -> None:
    answer = await post(app, "/console/sign-in", OURS, key=known(directory, "alerts:read").secret)
    assert (answer.status, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "database is away" in answer.body.decode()


async def test_keys_that_are_not_loaded_yet_let_nobody_in(app: FastAPI, directory: Directory) -> None:
    directory.loaded = False
    answer = await post(app, "/console/sign-in", OURS, key=known(directory, "alerts:read").secret)
    assert answer.status == 503


async def test_forms_are_forms_and_have_a_size(app: FastAPI) -> None:
    answer = await call(app, "POST", "/console/sign-in", headers={**OURS, "content-type": "text/plain"}, body=b"key=x")
    assert answer.status == 415
    answer = await post(app, "/console/sign-in", OURS, key="x" * 70_000)
    assert answer.status == 413


async def test_language_and_theme_are_chosen_by_form(app: FastAPI) -> None:
    answer = await post(app, "/console/preferences", OURS, language="zh-CN", back="//evil.example/")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert answer.headers["set-cookie"].startswith("ebbtide_language=zh-CN;")
    answer = await post(app, "/console/preferences", OURS, theme="blue")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/?q=a&handling=open", "/?q=a&handling=open"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_one_is_only_sent_on_to_our_own_paths(path: str | None, safe: str) -> None:
    assert local_path(path) == safe


def test_under_tls_the_cookie_belongs_to_this_host_alone() -> None:
    for scheme, name in (("http", "ebbtide_session"), ("https", "__Host-ebbtide_session")):
        scope = {"type": "http", "scheme": scheme, "path": "/", "headers": [], "server": ("ebbtide.example", 443)}
        assert session_cookie(Request(scope)) == name


def test_failed_attempts_are_forgotten_and_addresses_do_not_pile_up() -> None:
    throttle, now = Throttle(failures=2, addresses=2), day(0)
    for address in ("a", "a", "b"):
        throttle.note(address, now)
    assert (throttle.refuses("a", now), throttle.refuses("b", now)) == (True, False)
    assert not throttle.refuses("a", now + timedelta(minutes=1))
    throttle.note("c", now)
    assert not throttle.refuses("a", now)


def test_the_number_of_open_pages_is_bounded_and_one_that_goes_makes_room() -> None:
    feed = Feed(Database("postgresql://nowhere", application="tests"))
    watchers = [feed.join() for _ in range(200)]
    with pytest.raises(ApiError, match="Too many"):
        feed.join()
    feed.leave(watchers.pop())
    watchers.append(feed.join())
    watchers.clear()
    assert feed.join()
