"""The five services, built and not started: for tests that look at what they are made of."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import SecretStr

from services.alerts import app as alerts
from services.alerts.settings import Settings as AlertsSettings
from services.ingest import app as ingest
from services.ingest.settings import Settings as IngestSettings
from services.notify import app as notify
from services.notify.settings import Settings as NotifySettings
from services.profiles import app as profiles
from services.profiles.settings import Settings as ProfilesSettings
from services.scoring import app as scoring
from services.scoring.settings import Settings as ScoringSettings
from shared.application import Application
from shared.http.app import create_app
from shared.http.health import operator_routes
from tests.support.stack import ROOT, SECRET

_CONFIG = ROOT / "deploy" / "config"


def built_services() -> Mapping[str, Application]:
    """Nothing is connected to. Their registries hold every metric they will ever have."""
    common: dict[str, Any] = {
        "http_port": 0,
        "postgres_dsn": "postgresql://nobody@127.0.0.1:9/none",
        "secret": SECRET,
        "log_level": "WARNING",
        "KAFKA_BOOTSTRAP": "127.0.0.1:9",
    }
    at_notify = NotifySettings(
        **common,
        public_url="https://shop.example",
        staff=_CONFIG / "staff.yaml",
        smtp_url=SecretStr("smtp://127.0.0.1:9"),
        mail_from="Corner Shop <hello@shop.example>",
    )
    apps = {
        "ingest": ingest.build(IngestSettings(**common)),
        "profiles": profiles.build(ProfilesSettings(**common, policy=_CONFIG / "policy.yaml")),
        "scoring": scoring.build(ScoringSettings(**common)),
        "alerts": alerts.build(AlertsSettings(**common, rules=_CONFIG / "rules.yaml")),
        "notify": notify.build(at_notify),
    }
    for name, app in apps.items():
        routers: list[APIRouter] = [operator_routes(name, app.health, app.registry, ())]
        create_app(name, "", app.directory, routers, app.registry)
    return apps
