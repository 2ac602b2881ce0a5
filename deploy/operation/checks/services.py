"""Are the processes there, ready, and of one release?"""

import os
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from deploy.operation.checks.findings import Finding, fine, note, wrong
from deploy.operation.installation import Installation
from shared.observability.health import Kind
from shared.observability.release import release

_SECONDS = 8.0


async def check_services(installation: Installation) -> list[Finding]:
    """Processes, readiness, releases."""
    findings = _processes(installation)
    releases: dict[str, str] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:
        for service, url in installation.urls.items():
            findings.append(await _readiness(session, service, url, _log(installation, service)))
            _, body = await _get(session, f"{url}/livez")
            if body:
                releases[service] = str(body.get("release", "unknown"))
    return findings + _releases(releases)


def _processes(installation: Installation) -> list[Finding]:
    state = installation.state
    if state is None:
        return []
    findings = []
    pids = {name: service.pid for name, service in state.services.items()}
    if state.stack == "embedded":
        pids |= {"kafka": state.kafka_pid, "postgres": state.postgres_pid}
    for name, pid in pids.items():
        if pid is None or not _exists(pid):
            act = f"it is started again by itself; if it ends again and again, read {_log(installation, name)}"
            findings.append(wrong("process", f"{name} does not run", act))
    for name, service in state.services.items():
        if service.restarts:
            says = f"{name} was started again {service.restarts} times"
            findings.append(note("process", says, f"why its process ended is in {service.log}"))
    return findings or [fine("process", f"{len(pids)} processes run")]


async def _readiness(session: aiohttp.ClientSession, service: str, url: str, log: str) -> Finding:
    status, body = await _get(session, f"{url}/readyz")
    if status == 200:
        return fine("ready", f"{service} is ready at {url}")
    if not status:
        return wrong("ready", f"{service} does not answer at {url}", f"start it, or see why it ended in {log}")
    reasons = body.get("waiting_for", {}) if body else {}
    says = "; ".join(why if part == "start" else f"{part}: {why}" for part, why in reasons.items())
    kind = body.get("status") if body else None
    return wrong(
        "ready", f"{service} waits for {says or f'something (it answers {status})'}", _way_out(kind, says, log)
    )


def _way_out(kind: str | None, reason: str, log: str) -> str:
    if kind == Kind.HALTED:
        return "records were lost before they were read: see docs/operations.md#ebbtidepartitionhalted"
    if kind == Kind.STOPPED:
        return "a release or a writer went wrong, nothing is lost: see docs/operations.md#ebbtidestopped"
    if "Kafka" in reason:
        return "start Kafka or correct KAFKA_BOOTSTRAP; the service goes on by itself"
    if "postgresql" in reason.lower():
        return "start PostgreSQL or correct its address; the service goes on by itself"
    return f"it goes on by itself when that is there; more in {log}"


def _releases(releases: Mapping[str, str]) -> list[Finding]:
    ours = release()
    others = sorted(f"{service} {version}" for service, version in releases.items() if version != ours)
    if others:
        says = f"this command is {ours}, but {', '.join(others)} run"
        return [wrong("release", says, "restart what is old, or use the command of that release")]
    return [fine("release", f"all that answer are {ours}, as this command is")] if releases else []


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, Any] | None]:
    """Status and JSON object; status 0 when there is no answer."""
    try:
        async with session.get(url) as answer:
            body = msgspec.json.decode(await answer.read())
            return answer.status, body if isinstance(body, dict) else None
    except msgspec.DecodeError:
        return 599, None
    except (aiohttp.ClientError, OSError):
        return 0, None


def _log(installation: Installation, name: str) -> str:
    return f"{installation.data / 'logs' / name}.log" if installation.data else f"the log of {name}"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
