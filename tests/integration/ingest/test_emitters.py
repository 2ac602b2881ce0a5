"""The programs in examples/ do what docs/sending.md says of them, as whoever copies them runs them."""

import asyncio
import json
import os
import shutil
import subprocess
import sys

import aiohttp
import pytest

from services.ingest.handlers.principals import Granted
from shared.application import Application
from shared.kafka.topics import INBOUND
from tests.integration.ingest.outsider import accepted, in_quarantine
from tests.support.stack import ROOT, Lease
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples"
EVENTS = (EXAMPLES / "events.jsonl").read_text(encoding="utf-8")
IDS = sorted(json.loads(line)["id"] for line in EVENTS.splitlines())
# The shop forgot the zone.
BAD = json.dumps(json.loads(EVENTS.splitlines()[1]) | {"id": "order-1002", "time": "2026-01-05T09:30:00"})


async def run(*command: str, given: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(
        subprocess.run,
        command,
        input=given,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(ingest: Application, shop: Granted) -> dict[str, str]:
    assert ingest.server is not None
    return {"EBBTIDE_URL": f"http://127.0.0.1:{ingest.server.port}", "EBBTIDE_KEY": shop.key.secret}


async def test_the_python_emitter_sends_all_and_says_in_words_what_was_refused(
    lease: Lease, ingest: Application, shop: Granted
) -> None:
    program = [sys.executable, str(EXAMPLES / "python_emitter.py")]
    done = await run(*program, given=EVENTS, **told(ingest, shop))
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 accepted, 0 refused\n", "")
    assert await accepted(lease) == IDS
    done = await run(*program, given=BAD, **told(ingest, shop))
    assert (done.returncode, done.stdout) == (1, "0 accepted, 1 refused\n")
    assert done.stderr.startswith("refused order-1002: time: expected ")
    done = await run(*program, given=EVENTS, **{**told(ingest, shop), "EBBTIDE_KEY": "ebb_wrong"})
    assert (done.returncode, done.stderr) == (
        1,
        "ingest says 401: Send a valid key as `Authorization: Bearer <key>`.\n",
    )


async def test_the_python_emitter_waits_as_it_is_told_and_sends_the_same_again(shop: Granted) -> None:
    """Busy, away, cut off: the fourth request is taken, and is the first one, byte for byte."""
    bodies: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
        bodies.append(await reader.readexactly(length))
        problem = b'{"detail": "later"}'
        if len(bodies) in (1, 2):
            status = [b"429 Too Many Requests", b"503 Service Unavailable"][len(bodies) - 1]
            writer.write(
                b"HTTP/1.1 %s\r\nRetry-After: 0\r\nContent-Length: %d\r\n\r\n" % (status, len(problem)) + problem
            )
        elif len(bodies) == 4:
            taken = b'{"accepted":3,"refused":[]}'
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n" % len(taken) + taken)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        program = [sys.executable, str(EXAMPLES / "python_emitter.py")]
        done = await run(*program, given=EVENTS, EBBTIDE_URL=url, EBBTIDE_KEY="any")
    assert (done.returncode, done.stdout) == (0, "3 accepted, 0 refused\n"), done.stderr
    assert len(bodies) == 4
    assert len(set(bodies)) == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_shell_emitter_prints_what_ingest_says(lease: Lease, ingest: Application, shop: Granted) -> None:
    program = str(EXAMPLES / "emit.sh")
    done = await run(program, given=EVENTS.splitlines()[0], **told(ingest, shop))
    assert (done.returncode, json.loads(done.stdout)) == (0, {"accepted": 1, "refused": []}), done.stderr
    assert await accepted(lease) == [IDS[0]]
    done = await run(program, given=f"[{EVENTS.splitlines()[1]}, {BAD}]", **told(ingest, shop))
    assert done.returncode == 1
    assert [one["field"] for one in json.loads(done.stdout)["refused"]] == ["time"]
    done = await run(program, given="{", **told(ingest, shop))
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, "not_json")


async def test_the_kafka_emitter_writes_in_both_modes_and_refusals_wait_in_quarantine(
    lease: Lease, ingest: Application, admin: aiohttp.ClientSession
) -> None:
    program = [sys.executable, str(EXAMPLES / "kafka_emitter.py")]
    topic = INBOUND.prefixed(lease.prefix).name
    environment = {"KAFKA_BOOTSTRAP": lease.kafka_bootstrap, "EBBTIDE_TOPIC": topic}
    for mode, given in (("--structured", EVENTS + BAD), ("--binary", EVENTS)):
        done = await run(*program, mode, given=given, **environment)
        assert (done.returncode, done.stdout) == (0, f"{len(given.splitlines())} written to {topic}\n"), done.stderr

    async def arrived() -> bool:
        return await accepted(lease) == sorted(IDS * 2) and len(await in_quarantine(admin)) == 1

    await eventually(arrived, what="three interactions from each mode, and one refusal")
    (refused,) = await in_quarantine(admin)
    assert (refused["code"], refused["field"], refused["status"]) == ("value", "time", "open")
    assert refused["reason"].startswith("expected ")
