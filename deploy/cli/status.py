"""`ebbtide status`: what runs, whether it is ready, and why not."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cyclopts import App
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.cli._options import DEFAULT_DATA, DataOption, JsonOption
from deploy.health import ask_alive, ask_ready
from deploy.stack.ports import answers
from deploy.state import ProcessState, SystemState, owner_pid, read_state


def register(app: App) -> None:
    """Add the command."""
    app.command(status)


def status(*, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> int:
    """Show each service, Kafka and PostgreSQL. Exit code 0 when all are ready, 1 when not."""
    report = look(data)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _show(report)
    return 0 if report["ready"] else 1


def look(data: Path) -> dict[str, Any]:
    """The whole report as plain values. `state` is stopped, starting or running."""
    state = read_state(data)
    if state is None:
        starting = owner_pid(data)
        return {"data": str(data.absolute()), "state": "starting" if starting else "stopped", "pid": starting} | {
            "ready": False
        }
    with ThreadPoolExecutor(len(state.services)) as pool:
        services = dict(zip(state.services, pool.map(_service, state.services.values()), strict=True))
    report: dict[str, Any] = {
        "data": str(data.absolute()),
        "state": "running",
        "pid": state.pid,
        "stack": state.stack,
        "services": services,
        **_servers(state),
        "admin_key": state.admin_key,
    }
    if state.mailbox is not None:
        alive = answers(state.mailbox.port)
        report["mailbox"] = {"pid": state.mailbox.pid, "url": state.mailbox.url, "ready": alive}
    parts = [*services.values(), report["kafka"], report["postgres"]]
    return report | {"ready": all(part["ready"] for part in parts)}


def _service(service: ProcessState) -> dict[str, Any]:
    waiting_for = ask_ready(service.url)
    return {
        "pid": service.pid,
        "port": service.port,
        "url": service.url,
        "live": not waiting_for or ask_alive(service.url),
        "ready": not waiting_for,
        "waiting_for": waiting_for or None,
        "restarts": service.restarts,
        "log": service.log,
    }


def _servers(state: SystemState) -> dict[str, Any]:
    places = {
        "kafka": (state.kafka_bootstrap.split(",")[0], 9092, state.kafka_pid),
        "postgres": (state.postgres_address, 5432, state.postgres_pid),
    }
    found = {}
    for name, (address, usual_port, pid) in places.items():
        host, _, port = address.rpartition(":")
        place = (int(port), host.strip("[]")) if port.isdecimal() else (usual_port, address)
        found[name] = {"pid": pid, "address": address, "ready": answers(*place)}
    return found


def _show(report: dict[str, Any]) -> None:
    console = Console(highlight=False)
    if report["state"] != "running":
        words = {"stopped": "Nothing runs", "starting": f"Ebbtide is starting (pid {report['pid']})"}
        console.print(f"{words[report['state']]} in {report['data']}.", soft_wrap=True)
        return
    table = Table("", "pid", "where", "state", "restarts", box=None, pad_edge=False)
    rows = {**report["services"], "kafka": report["kafka"], "postgres": report["postgres"]}
    if "mailbox" in report:
        rows["mailbox"] = report["mailbox"]
    for name, row in rows.items():
        if row["ready"]:
            condition = "[green]ready[/]"
        elif row.get("live"):
            condition = f"[yellow]waits for {escape(row['waiting_for'])}[/]"
        else:
            condition = "[red]not answering[/]"
        where = row.get("url") or row["address"]
        table.add_row(name, str(row["pid"] or "-"), where, condition, str(row.get("restarts") or ""))
    console.print(table)
