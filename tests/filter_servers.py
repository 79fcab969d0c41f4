"""Fakes, on loopback, of programs that judge mail, for behaviour that the real ones seldom show."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

ADDRESS = "127.0.0.1"
_CONTENT_LENGTH = re.compile(r"\r\nContent-Length: *(\d+)\r\n", re.IGNORECASE)


class LocalApi:
    """CrowdSec's local API: answers every request with `answer` and `status`; with None not at all. `answer` may be a function
    of the request."""

    def __init__(self, answer: bytes | Callable[[str], bytes] | None, status: str) -> None:
        self.answer = answer
        self.status = status
        self.requests: list[str] = []
        self.url = ""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer_all(reader, writer)
        finally:
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(request)
            if length := _CONTENT_LENGTH.search(request):
                await reader.readexactly(int(length[1]))
            if self.answer is None:
                await reader.read(-1)
                return
            answer = self.answer if isinstance(self.answer, bytes) else self.answer(request)
            head = f"HTTP/1.1 {self.status}\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
            writer.write(head.encode() + answer)
            await writer.drain()


@contextlib.asynccontextmanager
async def local_api(answer: bytes | Callable[[str], bytes] | None, status: str = "200 OK") -> AsyncIterator[LocalApi]:
    api = LocalApi(answer, status)
    server = await asyncio.start_server(api.converse, ADDRESS, 0)
    api.url = f"http://{ADDRESS}:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield api
    finally:
        server.close()


@contextlib.asynccontextmanager
async def scanner_saying(
    answer: bytes | Callable[[bytes], bytes] | None,
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that reads to the end and then says its answer, or, with None, keeps silent. Its port, and what it was
    told."""
    told: list[bytes] = []
    open_writers: list[asyncio.StreamWriter] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        data = await reader.read(-1)
        told.append(data)
        if answer is not None:
            writer.write(answer if isinstance(answer, bytes) else answer(data))
            writer.close()

    server = await asyncio.start_server(converse, ADDRESS, 0)
    try:
        yield server.sockets[0].getsockname()[1], told
    finally:
        server.close()
        for writer in open_writers:
            writer.close()
