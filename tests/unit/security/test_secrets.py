"""What a crash, a log line or somebody at a prompt may print of what we know: no secret among it."""

import json
import traceback
from pathlib import Path

import pytest
import structlog

from deploy.processes import Command
from deploy.state import SystemState
from services.ingest.domain.references import References
from services.ingest.gateways.phones import normalise_phone
from services.ingest.settings import Settings
from services.notify.domain.webhooks import Secret, Target
from services.notify.gateways.smtp import smtp_server_from
from services.notify.settings import Settings as NotifySettings
from shared.access import new_key
from shared.errors import ConfigurationError
from shared.kafka.connection import KafkaConnection
from shared.observability.logging import configure_logging
from shared.postgres import Database
from shared.settings import load_settings
from tests.support.stack import ROOT
from tests.unit.shared.test_logging import as_before

__all__ = ["as_before"]

HIDDEN = "hunter2-hunter2-hunter2-hunter2-hunter2"
DSN = f"postgresql://ebbtide:{HIDDEN}@127.0.0.1:9/ebbtide"
ENVIRONMENT = {
    "EBBTIDE_HTTP_PORT": "0",
    "EBBTIDE_POSTGRES_DSN": DSN,
    "EBBTIDE_SECRET": HIDDEN,
    "KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "ebbtide",
    "KAFKA_SASL_PASSWORD": HIDDEN,
    "EBBTIDE_SMTP_URL": f"smtps://ebbtide:{HIDDEN}@mail.example.com",
    "EBBTIDE_MAIL_FROM": "a@example.com",
    "EBBTIDE_PUBLIC_URL": "https://shop.example",
    "EBBTIDE_STAFF": str(ROOT / "deploy/config/staff.yaml"),
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_settings_do_not_show_what_they_hide(told: None) -> None:
    for kind in (Settings, NotifySettings):
        settings = load_settings(kind)
        assert settings.secret.get_secret_value() == HIDDEN
        for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.kafka_connection("x"))):
            assert HIDDEN not in shown


def test_settings_that_are_refused_do_not_quote_what_was_given(told: None, monkeypatch: pytest.MonkeyPatch) -> None:
    short = HIDDEN[:20]
    for name in ("EBBTIDE_SECRET", "EBBTIDE_SMTP_URL", "KAFKA_SASL_USERNAME", "EBBTIDE_HTTP_PORT", "EBBTIDE_MAIL_FROM"):
        monkeypatch.setenv(name, short)
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", short)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(NotifySettings)
    assert "EBBTIDE_SECRET" in str(refused.value)
    assert "KAFKA_SECURITY_PROTOCOL" in str(refused.value)
    assert short not in "".join(traceback.format_exception(refused.value))


def test_what_holds_a_secret_prints_without_it(tmp_path: Path) -> None:
    key = new_key()
    state = SystemState(
        pid=1, stack="embedded", ready=True, kafka_bootstrap="", kafka_pid=None, postgres_address="",
        postgres_pid=None, services={}, mailbox=None, admin_key="key", dsns={"ingest": DSN},
    )  # fmt: skip
    held: list[object] = [
        key,
        state,
        References(HIDDEN.encode(), normalise_phone),
        KafkaConnection(bootstrap="", client_id="", sasl_password=HIDDEN),
        smtp_server_from(f"smtps://ebbtide:{HIDDEN}@mail.example.com"),
        Target(f"https://hooks.example.com/{HIDDEN}", (Secret(HIDDEN),)),
        Command(argv=("x",), log=tmp_path, env={"EBBTIDE_SECRET": HIDDEN}),
        Database(DSN, application="tests"),
    ]
    for one in held:
        assert HIDDEN not in repr(one)
        assert key.secret not in repr(one)


def test_a_crash_is_logged_without_the_secrets_that_were_in_hand(
    told: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever local variables and arguments held them."""
    configure_logging("tally", "DEBUG")

    def start(settings: Settings, password: str) -> None:
        raise ValueError(f"cannot start with {settings}")

    try:
        start(load_settings(Settings), HIDDEN)
    except ValueError:
        structlog.get_logger("tally").exception("crashed", settings=load_settings(Settings))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "crashed"
    assert HIDDEN not in line
