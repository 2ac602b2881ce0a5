"""What the text of the sources must not contain."""

import pytest

from tests.architecture import sources
from tests.architecture.sources import EVERYTHING, PRODUCT, SERVICES, Check, Source, findings

DOMAINS = tuple(f"services/{service}/domain" for service in SERVICES)

# Files that may be longer than the cap, each with its reason. An entry that is no longer needed must go.
LONG: dict[str, str] = {}


def test_only_the_clock_asks_what_time_it_is_and_waits() -> None:
    assert not findings(sources.asks_for_time_or_waits, sources.sources(*PRODUCT), allowed=["shared/clock.py"])


def test_sql_lives_in_sql_files() -> None:
    # The ping asks nothing: it is no query of anybody's store.
    assert not findings(sources.holds_sql, sources.sources(*PRODUCT), allowed=["shared/postgres/database.py"])


def test_there_is_one_way_to_subscribe() -> None:
    allowed = ["shared/kafka/subscription.py"]
    assert not findings(sources.subscribes, sources.sources(*PRODUCT, "deploy"), allowed=allowed)


def test_nothing_publishes_with_publish_batch() -> None:
    assert not findings(sources.publishes_batches, sources.sources(*PRODUCT, "deploy"))


def test_domains_import_the_standard_library_and_themselves() -> None:
    assert not findings(sources.leaves_the_standard_library, sources.sources(*DOMAINS))


def test_every_module_says_what_it_is() -> None:
    assert not findings(sources.has_no_docstring, sources.sources(*PRODUCT, "deploy"))


def test_files_are_short_or_have_a_reason() -> None:
    assert not findings(sources.is_too_long, sources.sources(*EVERYTHING), allowed=LONG)
    too_long = {file.path for file in sources.sources(*EVERYTHING) if list(sources.is_too_long(file))}
    assert set(LONG) <= too_long, "these files are short by now: take them off the list"


BAD: list[tuple[Check, str]] = [
    (sources.asks_for_time_or_waits, "import datetime\nnow = datetime.datetime.now(datetime.UTC)"),
    (sources.asks_for_time_or_waits, "from datetime import datetime\ndef f(clock=datetime.now): ..."),
    (sources.asks_for_time_or_waits, "import time\ntime.time()"),
    (sources.asks_for_time_or_waits, "import time\ntime.sleep(1)"),
    (sources.asks_for_time_or_waits, "import asyncio\nasync def f():\n    await asyncio.sleep(0.1)"),
    (sources.asks_for_time_or_waits, "from asyncio import sleep"),
    (sources.asks_for_time_or_waits, "from time import time"),
    (sources.holds_sql, "query = 'select 1 from customers'"),
    (sources.holds_sql, "query = f'''\n  UPDATE scores SET version = {1}'''"),
    (sources.holds_sql, "async def f(c):\n    await c.execute('insert into scores values (1)')"),
    (sources.subscribes, "@broker.subscriber('scores.v1')\nasync def f(): ..."),
    (sources.subscribes, "router.subscriber('scores.v1', group_id='x')(handle)"),
    (sources.publishes_batches, "async def f(broker):\n    await broker.publish_batch(1, topic='x')"),
    (sources.leaves_the_standard_library, "import msgspec"),
    (sources.leaves_the_standard_library, "from shared.clock import Clock"),
    (sources.leaves_the_standard_library, "from services.alerts.domain import rules"),
    (sources.leaves_the_standard_library, "from services.scoring.handlers import Kept"),
    (sources.has_no_docstring, "x = 1"),
    (sources.is_too_long, "x = 1\n" * 301),
]

GOOD: list[tuple[Check, str]] = [
    (sources.asks_for_time_or_waits, "async def f():\n    await pause(0)"),
    (sources.asks_for_time_or_waits, "now = clock.now()\nstarted = time.monotonic()"),
    (sources.holds_sql, '"""select nothing."""\nreason = "selected by hand"\nhint = "update it with care"'),
    (sources.subscribes, "subscriber(handle)"),
    (sources.leaves_the_standard_library, "import math\nfrom services.scoring.domain.entities import Inputs"),
    (sources.is_too_long, "x = 1\n" * 300),
]


@pytest.mark.parametrize(("check", "text"), BAD)
def test_the_checks_see_what_is_bad(check: Check, text: str) -> None:
    assert findings(check, [Source("services/scoring/domain/bad.py", text)])


@pytest.mark.parametrize(("check", "text"), GOOD)
def test_the_checks_leave_alone_what_is_good(check: Check, text: str) -> None:
    assert not findings(check, [Source("services/scoring/domain/good.py", text)])
