"""A server with WebAdmin, and calls to it. A test module imports the fixture by name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from compostela.testing.server import running

WEBADMIN = "enabled=true\nhost=127.0.0.1\nport=0\npassword=secret\n"


class Api:
    def __init__(self, client: aiohttp.ClientSession, base: str) -> None:
        self._client = client
        self._base = base

    async def ask(self, method: str, path: str, json: object = None, data: str | None = None) -> tuple[int, Any]:
        url = URL(self._base + path, encoded=True)
        async with self._client.request(method, url, json=json, data=data) as answer:
            return answer.status, await answer.json() if await answer.read() else None

    async def status(self, method: str, path: str, json: object = None, data: str | None = None) -> int:
        return (await self.ask(method, path, json, data))[0]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        base = f"http://127.0.0.1:{server.under_test.web_port}"
        async with aiohttp.ClientSession(headers={"Password": "secret"}) as client:
            yield Api(client, base)
