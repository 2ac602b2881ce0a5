"""The parts of the bench that must be right for its figures to mean anything."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner

from shared.contracts import Interaction
from tests.bench.check import WrongResult, compare
from tests.bench.measure import Cpu
from tests.bench.race import Result
from tests.bench.report import summary
from tests.bench.whole import due_alerts
from tests.bench.workload import (
    COMPLAINT,
    COMPLAINTS_EVERY,
    CUSTOMERS,
    PARTITIONS,
    Message,
    Total,
    expected,
    interactions,
    live,
)

COUNT = 20_000


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return interactions(COUNT)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(messages: list[Message]) -> None:
    assert interactions(COUNT) == messages
    assert interactions(COUNT, seed=2) != messages


def test_every_message_is_our_contract_keyed_and_partitioned_by_its_reference(messages: list[Message]) -> None:
    partitioner, partitions = DefaultPartitioner(), list(range(PARTITIONS))
    for message in messages[:500]:
        event = msgspec.json.decode(message.value, type=Interaction)
        assert message.key == event.subject.encode()
        assert message.partition == partitioner(message.key, partitions, partitions)


def test_one_in_a_hundred_is_an_exact_repeat(messages: list[Message]) -> None:
    assert len(messages) == COUNT
    assert len(set(messages)) == COUNT - COUNT // 100


def test_a_fifth_of_the_customers_makes_four_fifths() -> None:
    counts = sorted(Counter(message.key for message in interactions(60_000)).values(), reverse=True)
    assert sum(counts[: CUSTOMERS // 5]) / 60_000 == pytest.approx(0.8, abs=0.03)


def test_the_truth_counts_a_repeat_once(messages: list[Message]) -> None:
    totals = expected([*messages, *messages])
    assert totals == expected(messages)
    assert sum(total.interactions for total in totals.values()) == COUNT - COUNT // 100


def test_a_result_that_is_one_cent_or_one_customer_off_is_wrong(messages: list[Message]) -> None:
    truth = expected(messages)
    compare("it", dict(truth), truth)
    first = next(iter(truth))
    with pytest.raises(WrongResult, match=f"wrong for 1 of .*{first}"):
        compare("it", {**truth, first: replace(truth[first], spend=truth[first].spend + Decimal("0.01"))}, truth)
    with pytest.raises(WrongResult):
        compare("it", {**truth, "shop:nobody": Total(1, Decimal(1), datetime(2024, 1, 1, tzinfo=UTC))}, truth)
    with pytest.raises(WrongResult):
        compare("it", {key: total for key, total in truth.items() if key != first}, truth)


def run(name: str, floor: str, seconds: float) -> Result:
    return Result(name, floor, 1_000, seconds, Cpu(1.0, 2.0, 3.0), 50_000_000, 10)


def test_a_ratio_is_to_the_two_runs_of_its_own_baseline_around_the_run() -> None:
    order = [("big", 1.0), ("ours", 1.0), ("big", 2.0), ("ours", 0.5), ("big", 2.0)]
    others = [run("small", "small", 4.0), run("theirs", "small", 2.0), run("small", "small", 4.0)]
    floor, ours, _, theirs = summary([*(run(name, "big", seconds) for name, seconds in order), *others])
    assert (floor.runs, floor.slowest, floor.fastest) == (3, 500, 1_000)
    assert ours.lowest_ratio == pytest.approx(1 / 0.75)
    assert ours.highest_ratio == pytest.approx(4.0)
    assert ours.postgres_cpu_per_1000 == 2.0
    assert theirs.ratio == pytest.approx(2.0)


def test_without_a_baseline_there_is_no_ratio() -> None:
    assert summary([run("ours", "gone", 1.0)])[0].ratio is None


def test_live_interactions_are_of_the_last_day_in_the_same_order(messages: list[Message]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    moved = live(messages, now)
    before, after = ([msgspec.json.decode(one.value, type=Interaction) for one in side] for side in (messages, moved))
    assert [one.id for one in after] == [one.id for one in before]
    assert all(now - timedelta(days=2) < one.time <= now for one in after)
    assert sorted(after, key=lambda one: (one.time, one.id))[0].id in {one.id for one in after[:500]}
    assert len(set(moved)) == len(set(messages))
    complaints = {one.id for one in after if one.type == COMPLAINT}
    assert len(complaints) == (COUNT - COUNT // 100) // COMPLAINTS_EVERY
    assert due_alerts(moved, now).keys() == {
        ("complaint-opened", one.subject, one.id) for one in after if one.id in complaints
    }


def test_an_absence_is_due_after_90_days_without_a_purchase_and_ends_with_the_next() -> None:
    def purchase(name: str, day: int) -> Message:
        at = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)).isoformat()
        event = {"subject": "shop:1", "source": "s", "id": name, "type": "customer.purchase", "time": at}
        return Message(b"", msgspec.json.encode(event), 0)

    start = datetime(2026, 1, 1, tzinfo=UTC)
    bought = [purchase("a", 0), purchase("b", 90), purchase("c", 181)]
    due = due_alerts([*bought, bought[0]], start + timedelta(days=300))
    assert due == {
        ("no-purchase-90d", "shop:1", "b"): (start + timedelta(days=180), start + timedelta(days=181)),
        ("no-purchase-90d", "shop:1", "c"): (start + timedelta(days=271), None),
    }
