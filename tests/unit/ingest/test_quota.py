"""A principal may send so much and no more."""

from datetime import UTC, datetime, timedelta

from services.ingest.domain.quota import Quota

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_rate_of_zero_allows_everything() -> None:
    quota = Quota(0, 1)
    assert [quota.take("shop", 10**9, at=START) for _ in range(3)] == [0, 0, 0]


def test_burst_then_rate() -> None:
    quota = Quota(10, 20)
    assert quota.take("shop", 20, at=START) == 0
    assert quota.take("shop", 1, at=START) == 0.1
    assert quota.take("shop", 1, at=START + timedelta(seconds=0.1)) == 0


def test_large_request_is_let_in_once_and_paid_back() -> None:
    quota = Quota(10, 20)
    assert quota.take("shop", 120, at=START) == 0
    assert quota.take("shop", 1, at=START + timedelta(seconds=10)) == 0.1
    assert quota.take("shop", 1, at=START + timedelta(seconds=10.1)) == 0


def test_principals_do_not_share() -> None:
    quota = Quota(1, 1)
    assert quota.take("shop", 1, at=START) == 0
    assert quota.take("till", 1, at=START) == 0
    assert quota.take("shop", 1, at=START) > 0


def test_clock_set_back_gives_nothing_and_takes_nothing() -> None:
    quota = Quota(1, 5)
    assert quota.take("shop", 5, at=START) == 0
    assert quota.take("shop", 1, at=START - timedelta(hours=1)) == 1
