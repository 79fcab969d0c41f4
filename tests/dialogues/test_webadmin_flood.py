"""WebAdmin and its health check answer whatever others do with their connections, and health tells when no mail is taken."""

import asyncio
import contextlib
import socket
from pathlib import Path

import aiohttp
import pytest

from compostela.adapters.embedded import store as embedded_store
from compostela.testing.conversation import conversation
from compostela.testing.server import BOB
from compostela.testing.waiting import eventually
from compostela.web.webadmin import request_limits
from compostela.web.webadmin.server import MAX_CONCURRENT_REQUESTS
from tests import databases
from tests.dialogues.webadmin_flood import administered

HEAD = b"GET /domains HTTP/1.1\r\nHost: x\r\n"

UPLOAD = b"PUT /users/new%40example.org HTTP/1.1\r\nHost: x\r\nPassword: secret\r\nContent-Length: 9\r\n\r\n"


async def status_of(address: str, path: str) -> int:
    limit = aiohttp.ClientTimeout(10)
    async with (
        aiohttp.ClientSession(timeout=limit, headers={"Password": "secret"}) as client,
        client.get(f"{address}{path}") as answer,
    ):
        await answer.read()
        return answer.status


async def is_full(address: str) -> bool | None:
    return True if await status_of(address, "/domains") == 503 else None


@pytest.mark.parametrize("begun", [b"", HEAD])
async def test_silent_connections_shut_out_nobody(tmp_path: Path, begun: bytes) -> None:
    async with administered(tmp_path) as (server, address):
        with contextlib.ExitStack() as stack:
            for _ in range(2 * MAX_CONCURRENT_REQUESTS + 5):
                peer = stack.enter_context(socket.create_connection(("127.0.0.1", server.under_test.web_port)))
                peer.sendall(begun)
                await asyncio.sleep(0)
            assert await status_of(address, "/healthcheck") == 200
            assert await status_of(address, "/domains") == 200


async def test_health_answers_while_every_place_has_a_request_in_work(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, address):
        with contextlib.ExitStack() as stack:
            for _ in range(MAX_CONCURRENT_REQUESTS):
                peer = stack.enter_context(socket.create_connection(("127.0.0.1", server.under_test.web_port)))
                peer.sendall(UPLOAD)
                await asyncio.sleep(0)
            # they wait for their bodies
            await eventually(lambda: is_full(address))
            assert await status_of(address, "/healthcheck") == 200


async def test_an_idle_connection_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "ADMINISTRATORS", request_limits.RequestLimits(arrival_seconds=0.2))
    async with administered(tmp_path) as (server, _), conversation(server.under_test.web_port or 0) as c:
        await c.octets(HEAD)
        await c.reset()


async def test_health_is_bad_while_every_mail_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # what a disk that was full for a moment leaves: reading works, and writing does not
    monkeypatch.setattr(embedded_store, "RESERVE_SECONDS", 3600.0)
    async with administered(tmp_path) as (server, address), conversation(server.ports["smtp"]) as c:
        assert await status_of(address, "/healthcheck") == 200
        server.embedded._reserve.release()
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        await c.client("MAIL FROM:<a@foreign.example>", f"RCPT TO:<{BOB}>", "DATA", "Subject: x", "", "x", ".")
        await c.server("250 ", "250 ", "354 ", "45")
        assert await status_of(address, "/healthcheck") == 503
        assert await status_of(address, "/healthcheck/checks/Embedded%20store") == 503


async def test_health_is_bad_while_no_mail_can_be_queued(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, address), conversation(server.ports["smtp"]) as c:
        with contextlib.closing(databases.opened(tmp_path / "data")) as database:
            database.execute("ALTER TABLE queue_entry RENAME TO away")
            await c.server("220 ")
            await c.client("EHLO client.example")
            await c.until("250 ")
            await c.client("MAIL FROM:<a@foreign.example>", f"RCPT TO:<{BOB}>", "DATA", "Subject: x", "", "x", ".")
            await c.server("250 ", "250 ", "354 ", "451 ")
            assert await status_of(address, "/healthcheck") == 503
            database.execute("ALTER TABLE away RENAME TO queue_entry")
        assert await status_of(address, "/healthcheck") == 200
        assert await server.store.queues.queue("spool").size() == 0


async def test_health_is_bad_while_no_large_mail_can_be_kept(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, address):
        blobs = server.embedded.blobs.folder
        blobs.rename(blobs.with_name("away"))
        blobs.write_bytes(b"")
        assert await status_of(address, "/healthcheck") == 503
