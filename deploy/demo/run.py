"""One run of the demo: send the story on the simulated clock, show what the system makes of it, sum up."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from deploy.demo.api import Api
from deploy.demo.story import Scene
from deploy.demo.summary import summarise, wait_at_rest
from deploy.feeds.client import MAX_EVENTS, InteractionsClient
from shared.clock import SimulatedClock, pause
from shared.errors import ConfigurationError, TransientError
from shared.kafka.connection import KafkaConnection

_SEND_SECONDS = 0.1
_LOOK_SECONDS = 0.5
# What is shown as it happens; the rest is counted.
_LINES_PER_LOOK = 3


@dataclass(slots=True)
class Run:
    """The system that is running, seen from outside."""

    urls: dict[str, str]
    key: str = field(repr=False)
    clock: SimulatedClock
    connection: KafkaConnection
    console: Console
    began: float
    first_alert_seconds: float | None = None
    sent: int = 0
    _seen: dict[str, str] = field(default_factory=dict)

    async def play(self, scenes: Sequence[Scene]) -> dict[str, Any]:
        """Send every scene when its time has come, watch, and return the summary when all is at rest."""
        progress = Progress(
            TextColumn("[bold]{task.fields[day]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        async with Api(self.urls, self.key) as api, InteractionsClient(self.urls["ingest"], self.key) as client:
            with progress:
                bar = progress.add_task("", total=len(scenes), day=f"{self.clock.start:%Y-%m-%d}", state="")
                watching = asyncio.create_task(self._watch(api, progress, bar))
                try:
                    await self._send(client, scenes)
                    await self._wait_until(self.clock.until)
                    await wait_at_rest(api, lambda state: progress.update(bar, state=state))
                finally:
                    watching.cancel()
                    await asyncio.gather(watching, return_exceptions=True)
            summary = await summarise(api, self.connection)
        seconds = {"total": round(time.monotonic() - self.began, 1), "first_alert": self.first_alert_seconds}
        return {**summary, "seconds": seconds["total"], "first_alert_seconds": seconds["first_alert"]}

    async def _send(self, client: InteractionsClient, scenes: Sequence[Scene]) -> None:
        while self.sent < len(scenes):
            now = self.clock.now()
            due = self.sent
            while due < len(scenes) and scenes[due].at <= now:
                due += 1
            for start in range(self.sent, due, MAX_EVENTS):
                receipt = await client.send([scene.event for scene in scenes[start : min(start + MAX_EVENTS, due)]])
                if receipt.refused:
                    raise ConfigurationError(f"ingest refused an event of the demo: {receipt.refused[0].reason}")
            self.sent = due
            await pause(_SEND_SECONDS)

    async def _wait_until(self, instant: datetime) -> None:
        while self.clock.now() < instant:
            await pause(_SEND_SECONDS)

    async def _watch(self, api: Api, progress: Progress, bar: TaskID) -> None:
        started = time.monotonic()
        while True:
            try:
                state = await self._look(api)
            except TransientError as error:
                state = f"[yellow]{error}[/]"
            rate = self.sent / (time.monotonic() - started + 1e-9)
            progress.update(
                bar, completed=self.sent, day=f"{self.clock.now():%Y-%m-%d}", state=f"{rate:,.0f}/s · {state}"
            )
            await pause(_LOOK_SECONDS)

    async def _look(self, api: Api) -> str:
        newest = await api.get("alerts", "/v1/alerts", limit=100, total="true")
        if newest["items"] and self.first_alert_seconds is None:
            self.first_alert_seconds = round(time.monotonic() - self.began, 1)
        self._tell_changes(newest["items"])
        open_now = await api.count("alerts", "/v1/alerts", condition="firing")
        mails = await api.count("notify", "/v1/notifications", status="sent")
        return f"[red]{open_now:,} open[/] of {newest['total']:,} alerts · {mails:,} mails"

    def _tell_changes(self, alerts: list[dict[str, Any]]) -> None:
        changed = [one for one in reversed(alerts) if self._seen.get(one["alert_id"]) != one["condition"]]
        for one in changed[-_LINES_PER_LOOK:]:
            colour = {"firing": "red", "resolved": "green", "retracted": "yellow"}[one["condition"]]
            at = one["resolved_at"] or one["fired_at"]
            self.console.print(
                f"[dim]{at[:10]}[/] [{colour}]{one['condition']:<9}[/] {one['rule_id']:<18}"
                f" {one['evidence']['anchor']['reference']}  [dim]owner[/] {one['owner'] or '-'}"
            )
        self._seen.update((one["alert_id"], one["condition"]) for one in changed)
