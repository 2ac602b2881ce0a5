"""Alert rules and dashboard speak of metrics that exist, and of help that is there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from deploy.environment import DEFAULT_PORT_BASE, choose_ports
from deploy.stack.databases import SERVICES
from tests.support.services import built_services
from tests.support.stack import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "ebbtide.json"
PROMTOOL = shutil.which("promtool")
_NAME = re.compile(r"\bebbtide_[a-z0-9_]+")
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """(where, expression)"""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@cache
def registered() -> frozenset[str]:
    """The names that some service exposes."""
    families = [family for app in built_services().values() for family in app.registry.collect()]
    return frozenset(family.name + suffix for family in families for suffix in _SUFFIXES[family.type])


async def test_rules_and_dashboard_name_only_metrics_that_a_service_registers() -> None:
    unknown = {
        (where, name)
        for where, expression in expressions()
        for name in _NAME.findall(expression)
        if name not in registered()
    }
    assert not unknown


def test_an_invented_metric_would_be_noticed() -> None:
    assert "ebbtide_lag_records" in registered()
    assert "ebbtide_records_read_total" in registered()
    assert "ebbtide_batch_seconds_bucket" in registered()
    assert not {"ebbtide_records_read", "ebbtide_lag", "ebbtide_invented_total"} & registered()


def test_every_rule_says_what_it_means_what_to_do_and_where_to_read_more() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    for rule in rules():
        notes = rule["annotations"]
        assert set(notes) == {"summary", "meaning", "action", "runbook_url"}, rule["alert"]
        assert all(notes.values()), rule["alert"]
        assert notes["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["alert"].lower() in anchors, f"docs/operations.md says nothing of {rule['alert']}"
        assert rule["labels"]["severity"] in ("none", "warning", "critical")


def test_every_panel_says_what_it_shows_and_reads_the_chosen_prometheus() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(titles) == len(set(titles)) > 15
    for panel in panels():
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["targets"]


def test_prometheus_scrapes_every_service_where_up_puts_it() -> None:
    settings = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = settings["scrape_configs"]
    ports = choose_ports(DEFAULT_PORT_BASE)
    assert {one["labels"]["service"]: one["targets"] for one in job["static_configs"]} == {
        service: [f"127.0.0.1:{ports[service]}"] for service in SERVICES
    }


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (apt-get install prometheus)")
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "rules.yaml"), ("check", "config", "prometheus.yaml"), ("test", "rules", "rules_test.yaml")],
    ids=" ".join,
)
def test_promtool_accepts_the_rules_and_they_fire_when_they_should(arguments: tuple[str, ...]) -> None:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
