"""What stands in on loopback for programs that judge mail, where they are to do what the real ones seldom do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

ADDRESS = "127.0.0.1"


class LocalApi:
    """CrowdSec's local API: answers every request with `answer` and `status`; with None not at all. `answer` may be a function
    of the request."""

    def __init__(self, answer: bytes | Callable[[str], bytes] | None, status: str) -> None:
        self.answer = answer
        self.status = status
        self.requests: list[str] = []
        self.url = ""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(request)
                if self.answer is None:
                    await reader.read(-1)
                    break
                answer = self.answer if isinstance(self.answer, bytes) else self.answer(request)
                head = (
                    f"HTTP/1.1 {self.status}\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
                )
                writer.write(head.encode() + answer)
                await writer.drain()
        writer.close()


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
    silent: list[asyncio.StreamWriter] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(-1)
        told.append(data)
        if answer is None:
            silent.append(writer)
            return
        writer.write(answer if isinstance(answer, bytes) else answer(data))
        writer.close()

    server = await asyncio.start_server(converse, ADDRESS, 0)
    try:
        yield server.sockets[0].getsockname()[1], told
    finally:
        server.close()
        for writer in silent:
            writer.close()
