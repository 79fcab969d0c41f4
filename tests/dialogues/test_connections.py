"""Open connections, as an administrator sees and ends them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from compostela.testing.conversation import conversation
from compostela.testing.imap_session import log_in, logged_in, select
from compostela.testing.server import Server, running
from tests.dialogues.webadmin import WEBADMIN, Api

BOB, ANN = "bob@example.org", "ann@example.org"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        yield server


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(headers={"Password": "secret"}) as client:
        yield Api(client, f"http://127.0.0.1:{server.under_test.web_port}")


async def names(api: Api, query: str = "") -> list[Any]:
    status, found = await api.ask("GET", f"/servers/channels{query}")
    assert status == 200
    return [one["username"] for one in found]


async def test_connections_are_listed_with_their_users(server: Server, api: Api) -> None:
    assert await api.ask("GET", "/servers/connectedUsers") == (200, [])
    async with logged_in(server) as bob, conversation(server.ports["imap"]) as ann:
        await log_in(ann, ANN)
        await select(bob)
        async with logged_in(server), conversation(server.ports["smtp"]) as smtp:
            await smtp.server("220")
            assert await api.ask("GET", "/servers/connectedUsers") == (200, [ANN, BOB])
            assert sorted(await names(api), key=str) == [None, ANN, BOB, BOB]
            assert (await names(api, "?sortBy=username&sortDirection=desc"))[:3] == [BOB, BOB, ANN]
            assert await names(api, "?sortBy=username&offset=1&limit=2") == [ANN, BOB]
            assert await names(api, f"/{ANN}") == [ANN]
            assert await api.status("GET", "/servers/channels?sortBy=username&sortDirection=up") == 400
        _, (first, *_) = await api.ask("GET", f"/servers/channels/{BOB}")
    assert first["protocol"] == "IMAP"
    assert first["endpoint"] == "imap"
    assert first["remoteAddress"] == "127.0.0.1"
    assert first["isOpen"]
    assert not first["isEncrypted"]
    details = first["protocolSpecificInformation"]
    assert (details["loggedInUser"], details["selectedMailbox"], details["isIdling"]) == (BOB, "INBOX", "false")


async def test_connections_are_ended_by_user_or_all(server: Server, api: Api) -> None:
    async with logged_in(server) as bob, conversation(server.ports["imap"]) as ann:
        await log_in(ann, ANN)
        assert await api.status("DELETE", f"/servers/channels/{BOB}") == 204
        await bob.server("* BYE An administrator ends the connection.")
        await bob.closed()
        assert await api.status("DELETE", "/servers/channels", json=[BOB, ANN]) == 204
        await ann.server("* BYE An administrator ends the connection.")
        await ann.closed()
    async with conversation(server.ports["smtp"]) as smtp:
        await smtp.server("220")
        assert await api.status("DELETE", "/servers/channels", json="no list") == 400
        assert await api.status("DELETE", "/servers/channels") == 204
        await smtp.server("421 4.3.2")
        await smtp.closed()
