"""The compose file asks for nothing that .env.example does not list, and no secret has a value to begin with."""

import re
import subprocess
from pathlib import Path
from shutil import copy
from typing import Any

import yaml

from deploy.containers.demo import STAFF
from deploy.stack.databases import SERVICES
from tests.support.stack import ROOT

VARIABLE = re.compile(r"\$\{([A-Z_]+)")
SECRETS = re.compile(r"^(EBBTIDE_SECRET|.*PASSWORD.*)=(.*)$", re.MULTILINE)


def composed() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return services


def test_every_variable_of_the_compose_file_is_in_the_example() -> None:
    asked = set(VARIABLE.findall((ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert asked - set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE)) == set()


def test_no_secret_has_a_default() -> None:
    found = SECRETS.findall((ROOT / ".env.example").read_text(encoding="utf-8"))
    assert len(found) == 2 + len(SERVICES)
    assert {value for _, value in found} == {""}


def test_new_env_fills_in_every_secret_differently_and_never_overwrites(tmp_path: Path) -> None:
    copy(ROOT / ".env.example", tmp_path)
    script = [str(ROOT / "deploy" / "containers" / "new-env.sh")]
    subprocess.run(script, cwd=tmp_path, check=True, capture_output=True)
    written = (tmp_path / ".env").read_text(encoding="utf-8")
    values = [value for _, value in SECRETS.findall(written)]
    assert all(len(value) >= 32 for value in values)
    assert len(set(values)) == len(values)
    again = subprocess.run(script, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "there already" in again.stderr
    assert (tmp_path / ".env").read_text(encoding="utf-8") == written


def test_every_service_runs_with_its_own_role_and_without_rights() -> None:
    for service in SERVICES:
        one = composed()[service]
        dsn = one["environment"]["EBBTIDE_POSTGRES_DSN"]
        assert (
            dsn
            == f"postgresql://ebbtide_{service}:${{EBBTIDE_DB_PASSWORD_{service.upper()}}}@postgres/ebbtide_{service}"
        )
        assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])


def test_demo_assigns_staff_that_the_mounted_file_knows() -> None:
    staff = yaml.safe_load((ROOT / "deploy" / "config" / "staff.yaml").read_text(encoding="utf-8"))
    assert [member["id"] for member in staff["staff"]] == list(STAFF)
