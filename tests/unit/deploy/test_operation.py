"""What operators' commands decide before they connect to anything."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.operation.checks.surroundings import check_mail, judge_keys
from deploy.operation.installation import READS, Installation, find_installation
from deploy.operation.store import letter_id
from deploy.operation.tracing.reasons import MEANING, explain
from deploy.stack.databases import SERVICES
from services.notify.domain.reasons import Reason
from shared.contracts import AccessKey, Principal
from shared.errors import ConfigurationError
from shared.kafka.connection import KafkaConnection
from tests.support.services import built_services

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EXTERNAL = {"KAFKA_BOOTSTRAP": "kafka:9092", "POSTGRES_DSN": "postgresql://admin:secret@db:5432/postgres"}


def principal(name: str, *keys: AccessKey, scope: str = "admin") -> Principal:
    return Principal(principal_id=name, name=name, kind="person", scopes=(scope,), keys=keys)  # type: ignore[arg-type]


def key(*, ends: datetime | None = None, revoked: datetime | None = None) -> AccessKey:
    return AccessKey(key_id="k", sha256="0", created_at=NOW, expires_at=ends, revoked_at=revoked)


async def test_the_table_of_who_reads_what_is_what_the_services_subscribe_to() -> None:
    subscribed = {
        name: tuple(subscription.topic.name for subscription, _ in app._pipelines)
        for name, app in built_services().items()
    }
    assert {name: tuple(topic.name for topic in topics) for name, topics in READS.items()} == subscribed


def test_an_external_stack_is_found_through_its_two_variables(tmp_path: Path) -> None:
    found = find_installation(tmp_path, EXTERNAL)
    assert found.kafka.bootstrap == "kafka:9092"
    assert found.urls["ingest"] == "http://127.0.0.1:8101"
    assert set(found.dsns) == set(SERVICES)
    assert found.dsns["profiles"].endswith("@db:5432/ebbtide_profiles")
    assert "secret" not in repr(found)


def test_what_is_named_for_one_service_wins(tmp_path: Path) -> None:
    named = {"EBBTIDE_NOTIFY_URL": "http://notify:8105/", "EBBTIDE_NOTIFY_POSTGRES_DSN": "postgresql://n@db/notify"}
    found = find_installation(tmp_path, EXTERNAL | named | {"KAFKA_TOPIC_PREFIX": "eu."})
    assert found.urls["notify"] == "http://notify:8105"
    assert found.dsns["notify"] == "postgresql://n@db/notify"
    assert found.topic("eu.profiles.v1") is not None
    assert found.topic("profiles.v1") is None


@pytest.mark.parametrize("environment", [{}, {"KAFKA_BOOTSTRAP": "kafka:9092"}, {"POSTGRES_DSN": "postgresql://a@b/c"}])
def test_nothing_to_look_at_is_said_with_the_ways_to_name_it(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"No Ebbtide runs in .*ebbtide up.*KAFKA_BOOTSTRAP"):
        find_installation(tmp_path, environment)


def test_the_id_of_a_dead_letter_reads_back_as_it_is_shown() -> None:
    text = "profiles/eu.interactions.v1/3/1042/0a3b12bc"
    assert str(letter_id(text)) == text
    for bad in ("", "profiles", "profiles/x/1/2", "profiles/x/one/2/ff", "a/b/1/2/zz"):
        with pytest.raises(ConfigurationError, match="names no dead letter"):
            letter_id(bad)


def test_keys_that_last_are_fine() -> None:
    (found,) = judge_keys([principal("ann", key()), principal("bob", key(ends=NOW + timedelta(days=15)))], NOW)
    assert found.verdict == "fine"


@pytest.mark.parametrize(
    ("keys", "wrongs"),
    [
        ([key(ends=NOW + timedelta(days=13))], 1),
        ([key(ends=NOW + timedelta(days=13)), key()], 0),
        ([key(ends=NOW + timedelta(days=13)), key(revoked=NOW)], 1),
        ([key(revoked=NOW)], 0),
        ([key(ends=NOW)], 0),
    ],
)
def test_only_the_last_good_key_of_a_principal_is_worth_a_warning(keys: list[AccessKey], wrongs: int) -> None:
    found = judge_keys([principal("ann", key()), principal("shop", *keys, scope="interactions:write")], NOW)
    assert sum(finding.verdict == "wrong" for finding in found) == wrongs
    assert all("shop" in finding.says and "keys rotate shop" in finding.act for finding in found if wrongs)


def test_an_installation_without_an_administrator_is_wrong() -> None:
    (found,) = judge_keys([principal("ann", key(revoked=NOW))], NOW)
    assert (found.verdict, found.says) == ("wrong", "nobody has a key with the scope admin")


def test_a_mail_server_that_is_not_there_is_said_with_the_way_out() -> None:
    nowhere = Installation(urls={}, dsns={}, kafka=KafkaConnection(bootstrap="", client_id=""))
    smtp, switch = check_mail(nowhere, {"EBBTIDE_SMTP_URL": "smtp://user:hush@127.0.0.1:9"})
    assert (smtp.verdict, switch.says) == ("wrong", "customers receive no mail")
    assert "127.0.0.1:9 does not answer" in smtp.says
    assert "hush" not in smtp.says + smtp.act
    (unasked,) = check_mail(nowhere, {})
    assert unasked.verdict == "note"


def test_every_reason_of_notify_has_a_sentence() -> None:
    assert set(MEANING) == set(Reason)
    assert explain("stale") == "stale: its cause was more than 7 days old"
    assert (explain(None), explain("of_tomorrow")) == ("", "of_tomorrow")
