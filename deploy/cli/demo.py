"""`ebbtide demo`: eighteen months of real purchases through the whole system."""

import asyncio
import json
import shutil
import signal
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from deploy.cli._options import DataOption, JsonOption
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from deploy.system import System

DEFAULT_DEMO_DATA = Path(".ebbtide/demo")
# Five Python processes on two cores take about this long; purchases before it are sent when they are there.
_START_ALLOWANCE = timedelta(seconds=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """The options of `ebbtide demo`."""

    once: Annotated[bool, Parameter(negative=())] = False
    rules: Path | None = None
    seconds: float = 120.0
    port_base: int = 8100


def register(app: App) -> None:
    """Add the command."""
    app.command(demo)


def demo(
    options: Annotated[DemoOptions, Parameter(name="*")] = DemoOptions(),
    *,
    data: DataOption = DEFAULT_DEMO_DATA,
    as_json: JsonOption = False,
) -> int:
    """Send the CDNOW purchases of 1997 and 1998 through the whole system, and watch alerts open and resolve.

    Starts everything it needs, begins with an empty data directory, and leaves nothing running.

    Parameters
    ----------
    options.once:
        Stop when the history is through, instead of staying up until Ctrl-C.
    options.rules:
        Alert rules to use instead of those in deploy/config/rules.yaml.
    options.seconds:
        How long eighteen months take.
    options.port_base:
        Ingest listens on this + 1, profiles + 2, and so on; 0: free ports.
    """
    if options.seconds < 10:
        raise ConfigurationError("--seconds is at least 10: faster than that there is nothing to see.")
    if options.rules is not None and not options.rules.is_file():
        raise ConfigurationError(f"--rules {options.rules} is not a file.")
    began = time.monotonic()
    console = Console(stderr=as_json, highlight=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    system, clock = _prepare(options, data, console)
    try:
        console.print(f"Starting Kafka, PostgreSQL and five services, data in {system.data_dir}", soft_wrap=True)
        system.start()
        system.wait_ready()
        summary = asyncio.run(_play(system, clock, console, began))
        _show(summary, console, as_json)
        if not options.once:
            console.print("[dim]Time now runs at its own pace. Ctrl-C stops everything.[/]")
            threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopping everything …")
    finally:
        system.stop()
    return 0


def _prepare(options: DemoOptions, data: Path, console: Console) -> tuple["System", Any]:
    from deploy.demo.story import START, UNTIL
    from deploy.environment import SystemSettings, choose_ports
    from deploy.stack.embedded import EmbeddedStack
    from deploy.state import is_running
    from deploy.system import System
    from shared.clock import SimulatedClock, real_now

    if is_running(data):
        raise ConfigurationError(f"a demo already runs in {data}: stop it first, or give another --data.")
    shutil.rmtree(data, ignore_errors=True)
    ports = choose_ports(options.port_base)
    stack = EmbeddedStack(data.absolute(), kafka_port=ports["kafka"], postgres_port=ports["postgres"])
    stack.kafka.prepare()  # what has to be downloaded the first time must not use up the time of the story
    start, until = datetime.fromisoformat(START), datetime.fromisoformat(UNTIL)
    speed = (until - start) / timedelta(seconds=options.seconds)
    clock = SimulatedClock(anchor=real_now() + _START_ALLOWANCE, start=start, speed=speed, until=until)
    settings = SystemSettings(
        port_base=options.port_base, clock=clock.setting(), customer_sends=True, rules=options.rules
    )
    say = lambda sentence: console.print(sentence, style="dim", markup=False, soft_wrap=True)  # noqa: E731
    return System(stack, data, ports=ports, settings=settings, say=say), clock


async def _play(system: "System", clock: Any, console: Console, began: float) -> dict[str, Any]:
    from deploy.access import change_principals
    from deploy.demo.run import Run
    from deploy.demo.story import NAMESPACE, tell
    from services.ingest.handlers.principals import Request, create_principal
    from shared.kafka.connection import KafkaConnection

    request = Request(name="demo", kind="person", namespace=NAMESPACE, scopes=("admin",))
    granted = await change_principals(system.stack.dsn("ingest"), lambda store: create_principal(store, request))
    for name, url in system.urls.items():
        console.print(f"  {name:<9} {url}", soft_wrap=True)
    console.print(f"  key       {granted.key.secret}", soft_wrap=True)
    run = Run(
        urls=system.urls,
        key=granted.key.secret,
        clock=clock,
        connection=KafkaConnection(bootstrap=system.stack.kafka_bootstrap, client_id="ebbtide-demo"),
        console=console,
        began=began,
    )
    summary = await run.play(tell(_staff()))
    return {**summary, "urls": system.urls, "api_key": granted.key.secret}


def _staff() -> list[str]:
    import yaml

    from deploy.environment import config_file

    text = config_file(None, "EBBTIDE_STAFF", "staff.yaml").read_text(encoding="utf-8")
    return [member["id"] for member in yaml.safe_load(text)["staff"]]


def _show(summary: dict[str, Any], console: Console, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary), flush=True)
        return
    alerts, notifications = summary["alerts"], summary["notifications"]
    console.print(
        f"\n[bold]{summary['purchases']:,} purchases of {summary['customers']:,} customers, "
        f"{summary['spend']} dollars[/], in {summary['seconds']:g} s "
        f"(first alert after {summary['first_alert_seconds']:g} s)"
    )
    console.print(
        f"alerts: {alerts['fired']:,} fired, {alerts['resolved']:,} resolved, {alerts['retracted']:,} retracted, "
        f"{alerts['open']:,} open"
    )
    console.print(f"notifications: {notifications['sent']:,} sent")
    for reason, number in notifications["not_sent"].items():
        console.print(f"  {number:>6,} not sent: {reason}")
    key, url = summary["api_key"], summary["urls"]["alerts"]
    console.print(
        "\nWho had not bought for more than 90 days at the end of September 1997:\n"
        f"  curl -s -H 'Authorization: Bearer {key}' \\\n"
        f"    '{url}/v1/alerts?rule=no-purchase-90d&open_at=1997-09-30T00:00:00Z&total=true&limit=1'",
        soft_wrap=True,
    )
    console.print(f"The mails: {summary['urls'].get('mailbox')}", soft_wrap=True)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
