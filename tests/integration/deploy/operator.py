"""An operator at work: the `ebbtide` command told by the environment where the parts of an installation are."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.stack import ROOT, Lease


@dataclass(frozen=True, slots=True)
class Operator:
    """`environment` holds what the commands are told."""

    environment: Mapping[str, str]

    async def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Exit code, JSON on standard output (or its text) and standard error."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("EBBTIDE_", "KAFKA_"))}
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "deploy.cli", *arguments],
            env={**inherited, **self.environment, "PYTHONPATH": str(ROOT)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout, done.stderr


def operator_of(
    lease: Lease, dsns: Mapping[str, str], urls: Mapping[str, str] | None = None, key: str = ""
) -> Operator:
    """Somebody who knows these addresses and nothing else."""
    told = {f"EBBTIDE_{service.upper()}_POSTGRES_DSN": dsn for service, dsn in dsns.items()}
    told |= {f"EBBTIDE_{service.upper()}_URL": url for service, url in (urls or {}).items()}
    told |= {"KAFKA_BOOTSTRAP": lease.kafka_bootstrap, "KAFKA_TOPIC_PREFIX": lease.prefix}
    return Operator(told | ({"EBBTIDE_KEY": key} if key else {}))
