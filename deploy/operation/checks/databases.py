"""Does each database answer, fit this release, keep time, owe nothing for long, and hold no dead letters?"""

from datetime import timedelta
from pathlib import Path

from deploy.operation.asking import is_away
from deploy.operation.checks.findings import Finding, fine, unseen, wrong
from deploy.operation.installation import Installation
from deploy.operation.store import DatabaseState, OperatorStore
from deploy.stack.databases import SERVICES
from shared.clock import real_now
from shared.pipeline.store import SQL as PIPELINE_SQL
from shared.postgres import Database

# Owed snapshots are paid four times a second; a minute means that nobody pays.
OWED = timedelta(seconds=60)
# Versions and leases follow the database's clock, keys and signatures the machine's.
SKEW = timedelta(seconds=2)
_PATIENCE_SECONDS = 5.0
_SERVICES = Path(__file__).resolve().parents[3] / "services"


async def check_databases(installation: Installation) -> list[Finding]:
    """All five, and the clock of the server they are on."""
    findings: list[Finding] = []
    skews: list[timedelta] = []
    for service in SERVICES:
        try:
            async with installation.database(service, patience_seconds=_PATIENCE_SECONDS) as database:
                found, skew = await _check(service, database)
        except Exception as error:
            if not is_away(error):
                raise
            says = f"the database of {service} cannot be used ({type(error).__name__})"
            findings.append(wrong("database", says, "start PostgreSQL, or correct the address, role or password"))
            continue
        findings += found
        skews.append(skew)
    return findings + _clock(skews)


async def _check(service: str, database: Database) -> tuple[list[Finding], timedelta]:
    async with database.connection() as connection:
        store = OperatorStore(connection)
        before = real_now()
        try:
            state = await store.get_state()
            applied = await store.list_migrations()
        except Exception as error:
            if type(error).__name__ != "UndefinedTableError":
                raise
            says = f"the database of {service} holds no tables yet"
            return [wrong("migrations", says, f"start {service}, which makes them")], timedelta(0)
        middle = before + (real_now() - before) / 2
    return [_migrations(service, applied), _owed(service, state), _letters(service, state)], state.now - middle


def _migrations(service: str, applied: set[str]) -> Finding:
    folders = {"pipeline": PIPELINE_SQL / "migrations", service: _SERVICES / service / "sql" / "migrations"}
    known = {f"{prefix}/{path.stem}" for prefix, folder in folders.items() for path in folder.glob("*.sql")}
    if ahead := sorted(applied - known):
        says = f"the database of {service} is ahead of this release: {', '.join(ahead)}"
        return wrong("migrations", says, "install the newer release again; migrations only go forward")
    if missing := sorted(known - applied):
        says = f"the database of {service} lacks {', '.join(missing)}"
        return wrong("migrations", says, f"restart {service} with this release, which applies them")
    return fine("database", f"{service}: reachable, {len(applied)} migrations, up to date")


def _owed(service: str, state: DatabaseState) -> Finding:
    if state.owed_since is None or state.now - state.owed_since < OWED:
        return fine("owed", f"{service}: owes its topic nothing for long")
    since = int((state.now - state.owed_since).total_seconds())
    says = f"{service} has owed its topic {state.owed:,} snapshots for {since:,} s"
    return wrong("owed", says, f"{service} publishes them when it and Kafka run; see its log for relay_waits")


def _letters(service: str, state: DatabaseState) -> Finding:
    if not state.dead_letters:
        return fine("dead_letters", f"{service}: no dead letters")
    act = f"look with `ebbtide dead-letters list --service {service}`, mend the cause, then replay or drop them"
    return wrong("dead_letters", f"{service} has set {state.dead_letters:,} records aside", act)


def _clock(skews: list[timedelta]) -> list[Finding]:
    if not skews:
        return [unseen("clock", "clocks could not be compared: no database answers")]
    largest = max(skews, key=abs)
    says = f"the clocks of this machine and the database differ by {abs(largest.total_seconds()):.1f} s"
    if abs(largest) > SKEW:
        return [wrong("clock", says, "let both keep time with NTP: keys and leases go wrong otherwise")]
    return [fine("clock", says)]
