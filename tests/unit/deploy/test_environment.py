"""What the processes of a local system are told of each other."""

from pathlib import Path
from typing import cast

import pytest

from deploy.environment import Environment, SystemSettings
from deploy.stack.choice import Stack
from services.alerts.settings import Settings


class NoStack:
    """Somewhere."""

    kafka_bootstrap = "127.0.0.1:9"

    def dsn(self, service: str) -> str:
        return f"postgresql://127.0.0.1:9/{service}"


def test_alerts_is_told_where_the_services_are_that_its_page_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = {"profiles": 2, "scoring": 3, "alerts": 4, "notify": 5}
    told = Environment(cast(Stack, NoStack()), ports, SystemSettings(), tmp_path).of_service("alerts")
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    assert [settings.profiles_url, settings.scoring_url, settings.notify_url] == [
        f"http://127.0.0.1:{port}" for port in (2, 3, 5)
    ]


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "http://user:secret@x", "http://x?a=b", "javascript:alert(1)", ""]
)
def test_what_is_no_address_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="notify_url"):
        Settings.model_validate({"notify_url": url})
