"""Disk, mail server, the customer switch, and keys that are about to be useless."""

import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from shlex import quote
from urllib.parse import urlsplit

from deploy.operation.asking import is_away
from deploy.operation.checks.findings import Finding, fine, note, unseen, wrong
from deploy.operation.installation import Installation
from services.ingest.store import IngestStore
from shared.clock import real_now
from shared.contracts import AccessKey, Principal

SOON = timedelta(days=14)
LEAST_FREE_BYTES = 2 * 1024**3
LEAST_FREE_SHARE = 0.1
_SMTP_SECONDS = 5.0


async def check_keys(installation: Installation) -> list[Finding]:
    """Every principal keeps a key for two weeks, and somebody is admin."""
    try:
        async with installation.database("ingest") as database, database.connection() as connection:
            principals = await IngestStore(connection).list_principals()
    except Exception as error:
        if not is_away(error):
            raise
        return [unseen("keys", "keys could not be looked at: the database of ingest cannot be used")]
    return judge_keys(principals, real_now())


def judge_keys(principals: Sequence[Principal], now: datetime) -> list[Finding]:
    """What is to be said of these principals at this instant."""
    findings = []
    admins = 0
    for principal in principals:
        ends = [_end(key, now) for key in principal.keys]
        last = max((end for end in ends if end is not None and end > now), default=None)
        if last is None:
            continue  # ended on purpose or long ago
        admins += "admin" in principal.scopes
        if last < now + SOON:
            says = f"the last key of {principal.name} ends {last:%Y-%m-%d %H:%M} UTC"
            findings.append(wrong("keys", says, f"give it a new one: `ebbtide keys rotate {quote(principal.name)}`"))
    if not admins:
        act = "`ebbtide keys create --name NAME --kind person --scope admin`"
        findings.append(wrong("keys", "nobody has a key with the scope admin", act))
    return findings or [fine("keys", f"{len(principals)} principals, no key ends within {SOON.days} days")]


def check_disk(installation: Installation) -> list[Finding]:
    """Of the data directory; that of servers elsewhere is not ours to see."""
    if installation.data is None:
        return [
            note("disk", "disks of Kafka and PostgreSQL are not on this machine's data directory: watch them there")
        ]
    usage = shutil.disk_usage(installation.data)
    says = f"{usage.free / 1024**3:.1f} GiB free of {usage.total / 1024**3:.1f} GiB at {installation.data}"
    if usage.free < LEAST_FREE_BYTES or usage.free < LEAST_FREE_SHARE * usage.total:
        return [wrong("disk", says, "make room or move --data: Kafka and PostgreSQL stop when it is full")]
    return [fine("disk", says)]


def check_mail(installation: Installation, environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """Whether the mail server answers, and whether customers get mail at all."""
    state = installation.state
    url = state.smtp_url if state is not None else environment.get("EBBTIDE_SMTP_URL")
    if not url:
        return [note("smtp", "the mail server was not looked at", "set EBBTIDE_SMTP_URL as notify has it")]
    sends = state.customer_sends if state is not None else environment.get("EBBTIDE_CUSTOMER_SENDS") == "true"
    switch = (
        note("customer_sends", "customers receive mail")
        if sends
        else note(
            "customer_sends", "customers receive no mail", "EBBTIDE_CUSTOMER_SENDS=true and a restart switch it on"
        )
    )
    return [_smtp(url), switch]


def _smtp(url: str) -> Finding:
    parts = urlsplit(url)
    place = (parts.hostname or "", parts.port or (465 if parts.scheme == "smtps" else 25))
    name = f"{place[0]}:{place[1]}"
    try:
        with socket.create_connection(place, timeout=_SMTP_SECONDS) as connection:
            greeting = connection.recv(512) if parts.scheme == "smtp" else b"220"
    except OSError as error:
        act = "start it or correct EBBTIDE_SMTP_URL; notify tries staff for 3 days and customers for one"
        return wrong("smtp", f"the mail server {name} does not answer ({type(error).__name__})", act)
    if not greeting.startswith(b"220"):
        return wrong("smtp", f"what answers at {name} is no mail server", "correct EBBTIDE_SMTP_URL")
    return fine("smtp", f"the mail server {name} answers")


def _end(key: AccessKey, now: datetime) -> datetime | None:
    """Until when a key is good; None when it is revoked."""
    if key.revoked_at is not None:
        return None
    return key.expires_at or now + timedelta(days=36_500)
