"""HTTP peers that take their time, or send more than anybody reads."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from compostela.web.webadmin import request_limits
from compostela.web.webadmin.request_limits import MAX_HEAD_BYTES, RequestLimits
from compostela.web.webadmin.server import WebAdminServer

# each waits for a limit of a second to pass
pytestmark = pytest.mark.slow
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
STRANGERS = RequestLimits(arrival_seconds=1.0, request_bytes=200_000)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Works for a while, and does not read the body, or reads all of it; or has a large answer."""
    while scope["path"] == "/body" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.5 if scope["path"] == "/slow" else 0):
            await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


@contextlib.asynccontextmanager
async def connected(limits: RequestLimits) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    bound = socket.create_server(("127.0.0.1", 0))
    server = WebAdminServer(application, [bound], limits=limits)
    await server.start()
    reader, writer = await asyncio.open_connection(*bound.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        await server.stop()


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, more: bytes = b"") -> bytes:
    """What comes until the server ends the connection, while more and more is sent."""

    async def push() -> None:
        while more:
            writer.write(more)
            await writer.drain()
            # to let the server's turn come, which is in the same loop
            await asyncio.sleep(0)

    pushing = asyncio.create_task(push())
    came = b""
    try:
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(4096):
                    came += data
    finally:
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
    return came


@pytest.mark.parametrize("begin", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n"])
async def test_a_request_that_does_not_come_to_its_end_is_broken_off(begin: bytes) -> None:
    async with connected(STRANGERS) as (reader, writer):
        writer.write(begin)
        assert await ended(reader, writer) == b""


@pytest.mark.parametrize("second", [b"GET / HT", POST % 10 + b"12"])
async def test_so_is_a_second_one(second: bytes) -> None:
    async with connected(STRANGERS) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"done")
        writer.write(second)
        assert b"400" not in await ended(reader, writer)


async def test_so_is_one_that_came_along_with_the_first() -> None:
    async with connected(STRANGERS) as (reader, writer):
        writer.write(GET + POST.replace(b"/ ", b"/body ", 1) % 10 + b"12")
        assert (await ended(reader, writer)).count(b"done") == 1


async def test_whole_requests_that_come_together_are_all_answered() -> None:
    async with connected(STRANGERS) as (reader, writer):
        writer.write(GET.replace(b"/ ", b"/slow ", 1) + POST.replace(b"/ ", b"/body ", 1) % 2 + b"12" + GET)
        for _ in range(3):
            assert b"HTTP/1.1 200" in await reader.readuntil(b"done")


async def test_a_request_that_has_arrived_has_all_the_time_it_needs() -> None:
    async with connected(STRANGERS) as (reader, writer):
        writer.write(GET.replace(b"/ ", b"/slow ", 1))
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("limits", [STRANGERS, RequestLimits()])
@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nX: "])
async def test_a_head_has_an_end(limits: RequestLimits, begin: bytes) -> None:
    async with connected(limits) as (reader, writer):
        writer.write(begin)
        await ended(reader, writer, b"a" * 10_000)


@pytest.mark.parametrize(
    ("begin", "more"),
    [(POST % 10**9, b"a" * 10_000), (CHUNKED + b"0\r\nX: ", b"a" * 10_000), (CHUNKED, b"1\r\na\r\n" * 1000)],
)
async def test_strangers_send_no_more_than_a_request_has(begin: bytes, more: bytes) -> None:
    async with connected(RequestLimits(request_bytes=200_000)) as (reader, writer):
        writer.write(begin)
        await ended(reader, writer, more)


async def test_an_administrators_request_may_be_long() -> None:
    async with connected(RequestLimits()) as (reader, writer):
        size = 10 * MAX_HEAD_BYTES
        writer.write(POST % size)
        await reader.readuntil(b"done")
        writer.write(b"a" * size + GET)
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")


async def test_a_peer_that_reads_no_answer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "READING_SECONDS", 0.2)
    over, lost = asyncio.Event(), request_limits.LimitedProtocol.connection_lost

    def connection_lost(protocol: request_limits.LimitedProtocol, error: Exception | None) -> None:
        over.set()
        lost(protocol, error)

    monkeypatch.setattr(request_limits.LimitedProtocol, "connection_lost", connection_lost)
    async with connected(STRANGERS) as (_, writer):
        writer.transport.pause_reading()
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            await over.wait()
