"""Webhooks of the whole service: subscribed over HTTP, told from alerts.v1, verified by somebody else's software."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from shared.access import new_key
from shared.application import Application
from shared.clock import real_now
from shared.contracts import AccessKey, Principal
from shared.kafka.topics import ALERTS
from tests.integration.notify.receiver import Came, Receiver
from tests.integration.notify.values import snapshot
from tests.integration.notify.webhook_parts import FIRED, firing, verified
from tests.support.builders import record
from tests.support.stack import Lease
from tests.support.topics import publish
from tests.support.waiting import eventually

VERIFIER = "standardwebhooks@1.1.1"
SCRIPT = """
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const webhook = new Webhook(secret);
const said = webhook.verify(body, headers);
let refused = false;
try { webhook.verify(body + " ", headers); } catch { refused = true; }
console.log(JSON.stringify({ type: said.type, refused }));
"""


async def subscribe(notify: Application, url: str) -> dict[str, Any]:
    key = new_key()
    kept = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now())
    reader = Principal(principal_id="chat", name="Chat", kind="system", scopes=("alerts:read",), keys=(kept,))
    notify.directory.apply("chat", record(snapshot("chat", 1, reader))[1])

    async def loaded() -> bool:
        return notify.directory.loaded

    await eventually(loaded, what="the directory of keys")
    assert notify.server is not None
    base = f"http://127.0.0.1:{notify.server.port}"
    async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {key.secret}"}) as session:
        answer = await session.post("/v1/webhooks", json={"url": url, "types": ["alert.*"]})
        assert answer.status == 201, await answer.text()
        made: dict[str, Any] = await answer.json()
    return made


async def run(*command: str, folder: Path, given: bytes = b"", seconds: float = 60) -> tuple[int, str]:
    """Exit code and output; 124 when it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "npm_config_update_notifier": "false", "npm_config_audit": "false"},
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(given), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
        return 124, "it took too long"
    return process.returncode or 0, output.decode(errors="replace")


async def verified_by_node(came: Came, secret: str, folder: Path) -> dict[str, Any]:
    """What the npm package makes of a request that really came. Skips where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    options = ("--no-fund", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=15000", "--prefer-offline")
    code, output = await run(npm, "install", *options, "--prefix", ".", VERIFIER, folder=folder)
    if code != 0:
        pytest.skip(f"npm cannot install {VERIFIER} here: {output.strip()[-200:]}")
    given = json.dumps({"secret": secret, "headers": dict(came.headers), "body": came.body.decode()})
    code, output = await run(node, "-e", SCRIPT, folder=folder, given=given.encode())
    assert code == 0, output
    said: dict[str, Any] = json.loads(output)
    return said


async def test_an_alert_reaches_a_subscriber_whose_software_finds_it_genuine(
    lease: Lease, notify: Application, receiver: Receiver, tmp_path: Path
) -> None:
    """Python's verifier accepts it, npm's too; a changed body is refused."""
    webhook = await subscribe(notify, receiver.url())
    await publish(lease, ALERTS, [record(firing("a", 1, FIRED))])

    async def told() -> list[Came]:
        return receiver.came

    [came] = await eventually(told, what="the alert at the receiver")
    assert verified(came, webhook)["type"] == "alert.fired"
    assert await verified_by_node(came, webhook["secret"], tmp_path) == {"type": "alert.fired", "refused": True}
