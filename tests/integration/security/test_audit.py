"""The audit finds a package that is known to be vulnerable, and says so when there was nobody to ask."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.audit.run import audit, lock, write_sbom

BAD = {"id": "PYSEC-0000-1", "modified": "2024-01-01T00:00:00Z", "summary": "planted", "affected": []}


@pytest.fixture
async def service() -> AsyncIterator[str]:
    """Knows one bad package, as OSV does."""

    async def answer(request: web.Request) -> web.Response:
        if not request.path.endswith("querybatch"):
            return web.json_response(BAD)
        asked = [query["package"]["name"] for query in (await request.json())["queries"]]
        return web.json_response({"results": [{"vulns": [BAD]} if name == "jinja2" else {} for name in asked]})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_a_vulnerable_pin_is_found_and_silence_is_not_taken_for_health(tmp_path: Path, service: str) -> None:
    for name, vulnerable in (("markupsafe==3.0.4", False), ("jinja2==3.1.6", True)):
        folder = tmp_path / name
        (tmp_path / "requirements.txt").write_text(f"{name} \\\n    --hash=sha256:00\n", encoding="utf-8")
        await asyncio.to_thread(lock, tmp_path / "requirements.txt", folder)
        found = await asyncio.to_thread(audit, folder, service=service)
        assert (found.answered, found.vulnerable) == (True, vulnerable), found.said
        await asyncio.to_thread(write_sbom, folder, tmp_path / "sbom.json")
        listed = {one["name"] for one in json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8"))["components"]}
        assert name.partition("==")[0] in listed
    nobody = await asyncio.to_thread(audit, folder, service="http://127.0.0.1:9/")
    assert (nobody.answered, nobody.vulnerable) == (False, False)
