"""`ebbtide up`: run the system here, until Ctrl-C or in the background."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from deploy.cli._options import DEFAULT_DATA, DataOption
from deploy.environment import DEFAULT_PORT_BASE, SystemSettings, choose_ports, inherited
from deploy.private_files import make_private_directory
from deploy.processes import wait_until
from deploy.stack.choice import StackName, choose_stack
from deploy.state import SystemState, is_running, read_state
from deploy.system import System
from shared.errors import ConfigurationError

ADMIN_KEY = "admin.key"
_DETACH_SECONDS = 300.0


def register(app: App) -> None:
    """Add the command."""
    app.command(up)


def up(
    *,
    stack: StackName = "embedded",
    port_base: int = DEFAULT_PORT_BASE,
    data: DataOption = DEFAULT_DATA,
    detach: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Run Kafka, PostgreSQL, the five services and a mailbox; Ctrl-C drains and stops them all.

    Parameters
    ----------
    stack:
        embedded: a real Kafka and PostgreSQL from packages, no Docker. external: KAFKA_BOOTSTRAP and POSTGRES_DSN.
    port_base:
        Ingest listens on this + 1, profiles + 2, scoring + 3, alerts + 4, notify + 5, the mailbox + 8; 0: free ports.
    detach:
        Return once everything is ready and leave it running; `ebbtide down` stops it.
    """
    if detach:
        return _detach(data, ["--stack", stack, "--port-base", str(port_base)])
    ports = choose_ports(port_base)
    chosen = choose_stack(stack, data.absolute(), kafka_port=ports["kafka"], postgres_port=ports["postgres"])
    console = Console(highlight=False)
    system = System(
        chosen,
        data,
        ports=ports,
        settings=SystemSettings(port_base=port_base),
        say=lambda sentence: console.print(sentence, style="dim", markup=False, soft_wrap=True),
    )
    run_until_interrupted(system, console)
    return 0


def run_until_interrupted(system: System, console: Console) -> None:
    """Start, print where to look, wait for Ctrl-C or SIGTERM, stop. A second Ctrl-C kills what still drains."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        console.print(f"Starting Ebbtide on the {system.stack.name} stack, data in {system.data_dir}", soft_wrap=True)
        system.start()
        system.wait_ready()
        make_admin_key(system)
        print_places(console, system.urls, system.data_dir)
        console.print("[dim]Ctrl-C stops everything.[/]")
        threading.Event().wait()
    except KeyboardInterrupt:
        _stop(system, console)
    except BaseException:
        system.stop(drain_seconds=0)
        raise


def make_admin_key(system: System) -> None:
    """The first start of an installation gives its operator a key."""
    from deploy.access import ensure_admin_key

    ensure_admin_key(system.stack.dsn("ingest"), system.data_dir / ADMIN_KEY)


def print_places(console: Console, urls: dict[str, str], data_dir: Path) -> None:
    """The URLs, one a line, and where the first key is."""
    console.print("[bold]Ebbtide is ready[/]")
    for name, url in urls.items():
        console.print(f"  {name:<9} {url}", soft_wrap=True)
    console.print(f"  key       in {data_dir / ADMIN_KEY}, scope admin", soft_wrap=True)


def _stop(system: System, console: Console) -> None:
    console.print("Stopping: services finish what they have in hand (up to 25 s) …")
    try:
        system.stop()
    except KeyboardInterrupt:
        console.print("Killing what is left.")
        system.stop(drain_seconds=0)
    console.print("Everything is stopped.")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _detach(data: Path, options: list[str]) -> int:
    """Run the same command in a session of its own; wait until it is ready or has given up."""
    if is_running(data):
        raise ConfigurationError(f"Ebbtide already runs in {data}: look with `ebbtide status`.")
    log = make_private_directory(make_private_directory(data) / "logs") / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "up", "--data", str(data.absolute()), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=inherited(),
            start_new_session=True,
        )
    try:
        state = _wait_for_state(data, process)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if state is None:
        said = log.read_text(encoding="utf-8", errors="replace").rpartition("ebbtide: ")[2]
        raise ConfigurationError(said.strip() or f"Ebbtide did not start; see {log}.")
    print_places(Console(highlight=False), state.urls(), data.absolute())
    return 0


def _wait_for_state(data: Path, process: "subprocess.Popen[bytes]") -> SystemState | None:
    """The state once it says ready; None when the process ended instead."""
    found: list[SystemState] = []

    def ready() -> bool:
        state = read_state(data)
        if state is not None and state.ready and Path(state.admin_key).exists():
            found.append(state)
        return bool(found)

    wait_until(ready, timeout=_DETACH_SECONDS, alive=lambda: process.poll() is None, pace=0.1)
    return found[0] if found else None
