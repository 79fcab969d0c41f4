"""Requests to web servers keep to their limits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from compostela.base.http_client import HttpAnswer, HttpClient, HttpFailure

PATIENCE = 60.0


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The URL of a server that gives one answer to each request, and the heads of its requests. An empty answer is silence."""
    asked: list[bytes] = []
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a", asked
        # the clients are closed by now
        await asyncio.gather(*served)


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 Fine\r\nSet-Cookie: a=b\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def test_a_body_is_read_up_to_the_limit() -> None:
    async with answering(_ok(b"12345")) as (url, _):
        async with HttpClient(PATIENCE, 5) as client:
            assert await client.get(url) == HttpAnswer(200, "Fine", b"12345")
        async with HttpClient(PATIENCE, 4) as client:
            with pytest.raises(HttpFailure, match="longer than 4 octets"):
                await client.get(url)
        async with HttpClient(PATIENCE) as client:
            assert await client.get(url) == HttpAnswer(200, "Fine")


async def test_the_body_of_another_answer_is_not_read() -> None:
    answer = b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\ntoo short"
    async with answering(answer) as (url, _), HttpClient(PATIENCE, 4) as client:
        assert await client.get(url) == HttpAnswer(500, "Oh")


async def test_no_redirection_is_followed() -> None:
    async with answering(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n") as (url, asked):
        async with HttpClient(PATIENCE, 4) as client:
            assert await client.get(url) == HttpAnswer(302, "Found")
        assert len(asked) == 1


async def test_no_cookie_is_kept_and_no_proxy_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    async with answering(_ok(b"")) as (url, asked):
        async with HttpClient(PATIENCE, 4) as client:
            await client.get(url)
            await client.post(url, b"")
        assert [head.split()[0] for head in asked] == [b"GET", b"POST"]
        assert b"cookie" not in asked[1].lower()


async def test_a_silent_server_is_given_up() -> None:
    async with answering(b"") as (url, _), HttpClient(0.05, 4) as client:
        with pytest.raises(HttpFailure, match="did not answer in time"):
            await client.get(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.org ESMTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc",
    ],
)
async def test_an_answer_that_is_no_http_is_a_failure(answer: bytes) -> None:
    async with answering(answer) as (url, _), HttpClient(PATIENCE, 100) as client:
        with pytest.raises(HttpFailure):
            await client.get(url)


async def test_what_cannot_be_asked_is_a_failure() -> None:
    async with HttpClient(PATIENCE, 100) as client:
        for url in ("http://127.0.0.1:1/", "no url", "http://[::1/"):
            with pytest.raises(HttpFailure):
                await client.get(url)
