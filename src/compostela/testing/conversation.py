"""Dialogues at the wire that read like transcripts, for every line protocol (SMTP, LMTP, IMAP, POP3, ManageSieve)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

TIMEOUT_SECONDS = 10.0
"""The longest wait for an answer. After it a test fails with `TimeoutError`."""


class Conversation:
    """What the client says, and what the server must answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def client(self, *lines: str) -> None:
        await self.octets("".join(f"{line}\r\n" for line in lines).encode())

    async def octets(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        """The client has no more to say."""
        self._writer.write_eof()

    async def line(self) -> str:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return (await self._reader.readline()).decode("utf-8", "replace").removesuffix("\r\n")

    async def server(self, *beginnings: str) -> str:
        """Each line must begin so; gives the last one whole."""
        line = ""
        for beginning in beginnings:
            line = await self.line()
            assert line.startswith(beginning), f"{line!r} does not begin with {beginning!r}"
        return line

    async def until(self, beginning: str) -> list[str]:
        """All lines up to the one that begins so."""
        lines: list[str] = []
        while True:
            line = await self.line()
            assert line, f"the connection was closed; so far {lines}"
            lines.append(line)
            if line.startswith(beginning):
                return lines

    async def closed(self) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await self._reader.read() == b""

    async def until_closed(self) -> bytes:
        """What still comes before the end, however that is."""
        found = b""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            with contextlib.suppress(ConnectionError):
                while octets := await self._reader.read(65536):
                    found += octets
        return found

    async def reset(self) -> None:
        """Nothing was said: the connection is at its end."""
        assert await self.until_closed() == b""

    async def start_tls(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await self._writer.start_tls(context)


@contextlib.asynccontextmanager
async def conversation(port: int, source: str = "127.0.0.1") -> AsyncIterator[Conversation]:
    """`source` is the address from which the client comes."""
    host = "::1" if ":" in source else "127.0.0.1"
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
    try:
        yield Conversation(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
