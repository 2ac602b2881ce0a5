"""A file reaches ingest whole, whatever happens on the way, and every row is accounted for."""

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from deploy.feeds.client import InteractionsClient
from deploy.feeds.imports import Summary, import_purchases
from deploy.feeds.purchases import Layout
from shared.errors import ConfigurationError, TransientError

LAYOUT = Layout(namespace="cdnow")
Answer = Callable[[list[Any]], web.Response]


class Ingest:
    """Answers by script, then takes everything except what has no amount."""

    def __init__(self, *script: web.Response | None) -> None:
        self.script = list(script)
        self.requests = 0
        self.ids: list[str] = []

    async def receive(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        events = await request.json()
        if self.script:
            answer = self.script.pop(0)
            if answer is None:  # a connection lost after the events arrived
                self.ids.extend(event["id"] for event in events)
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            return answer
        refused = [
            {"index": index, "id": event["id"], "field": "data.amount", "code": "value", "reason": "expected an amount"}
            for index, event in enumerate(events)
            if not event["data"]["amount"]
        ]
        self.ids.extend(event["id"] for event in events if event["data"]["amount"])
        accepted = len(events) - len(refused)
        return web.json_response({"accepted": accepted, "refused": refused}, status=202 if accepted else 422)


@asynccontextmanager
async def listening(ingest: Ingest) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/interactions", ingest.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(ingest: Ingest, patience: float = 30) -> AsyncIterator[InteractionsClient]:
    async with listening(ingest) as url, InteractionsClient(url, "key", patience_seconds=patience) as client:
        yield client


def write(folder: Path, count: int, *more: str) -> Path:
    path = folder / "purchases.csv"
    lines = ["customer_id,purchased_on,quantity,amount_usd", *(f"{n},1997-01-01,1,5.00" for n in range(count)), *more]
    path.write_text("\n".join(lines) + "\n")
    return path


async def ebbtide(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "deploy.cli", "import", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )


async def imported(path: Path, ingest: Ingest, patience: float = 30) -> Summary:
    async with serving(ingest, patience) as client:
        return await import_purchases(path, LAYOUT, client, refused_path=path.with_suffix(".refused.csv"))


async def test_every_row_is_sent_in_batches_of_500(tmp_path: Path) -> None:
    ingest = Ingest()
    summary = await imported(write(tmp_path, 1201), ingest)
    assert (summary.rows, summary.accepted, summary.refused, summary.refused_file) == (1201, 1201, 0, None)
    assert ingest.requests == 3
    assert len(set(ingest.ids)) == 1201


async def test_refused_rows_are_written_with_line_and_reason(tmp_path: Path) -> None:
    path = write(tmp_path, 600, "7,1997-01-01,1,", "8,1997-01-01,1", "9,1997-01-01,1,5.00")
    summary = await imported(path, Ingest())
    assert (summary.rows, summary.accepted, summary.refused) == (603, 601, 2)
    assert summary.refused_file is not None
    with Path(summary.refused_file).open(newline="") as file:
        written = sorted(csv.DictReader(file), key=lambda row: row["row"])
    assert [(row["row"], row["field"], row["code"], row["customer_id"]) for row in written] == [
        ("602", "data.amount", "value", "7"),
        ("603", "row", "cells", "8"),
    ]


async def test_busy_broken_and_lost_answers_are_repeated(tmp_path: Path) -> None:
    ingest = Ingest(
        web.Response(status=503, headers={"Retry-After": "0"}),
        web.Response(status=429, headers={"Retry-After": "0"}),
        web.Response(status=500),
        None,
    )
    summary = await imported(write(tmp_path, 10), ingest)
    assert (summary.rows, summary.accepted) == (10, 10)
    assert ingest.requests == 5
    assert len(set(ingest.ids)) == 10


async def test_patience_ends_with_a_sentence(tmp_path: Path) -> None:
    ingest = Ingest(*(web.Response(status=503, headers={"Retry-After": "1"}) for _ in range(10)))
    with pytest.raises(TransientError, match="it answers 503"):
        await imported(write(tmp_path, 1), ingest, patience=0.5)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
async def test_what_repeating_cannot_cure_ends_at_once(tmp_path: Path, status: int) -> None:
    ingest = Ingest(*(web.json_response({"detail": "Because."}, status=status) for _ in range(10)))
    with pytest.raises(ConfigurationError, match=f"{status}: Because"):
        await imported(write(tmp_path, 3000), ingest)
    assert ingest.requests <= 4


async def test_command_reports_in_json_and_by_its_exit_code(tmp_path: Path) -> None:
    path = write(tmp_path, 3, "7,1997-01-01,1,")
    async with listening(Ingest()) as url:
        done = await ebbtide(str(path), "--url", url, "--key", "k", "--namespace", "cdnow", "--json")
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["accepted"], summary["refused"]) == (4, 3, 1)
    assert summary["refused_file"] == f"{path}.refused.csv"
    assert Path(summary["refused_file"]).read_text().count("\n") == 2


async def test_command_says_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    done = await ebbtide(str(path), "--data", str(tmp_path / "none"))
    assert (done.returncode, done.stderr.startswith("ebbtide: No Ebbtide runs in")) == (1, True)
    done = await ebbtide(str(path), "--url", "http://127.0.0.1:9")
    assert (done.returncode, done.stderr.startswith("ebbtide: A key is needed")) == (1, True)
