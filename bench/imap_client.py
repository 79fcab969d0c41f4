"""A small IMAP client: one command at a time, literals sent without waiting where the server takes them so."""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

TAG = b"zq7"
"""Does not occur at the beginning of a line of the messages."""


def command(line: bytes) -> bytes:
    """A command as it is sent."""
    return b"%s %s\r\n" % (TAG, line)


def command_with_literal(line: bytes, literal: bytes) -> bytes:
    """The literal goes out at once, without waiting for the server (RFC 7888)."""
    return b"%s %s {%d+}\r\n%s\r\n" % (TAG, line, len(literal), literal)


class ImapClient(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None
        self._mark = b""
        self.on_data: Callable[[bytes], None] | None = None

    @classmethod
    async def connect(cls, port: int, *, tls: bool = False) -> "ImapClient":
        context = None
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(cls, "127.0.0.1", port, ssl=context)
        await client._until(b"* ")
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        if self.on_data is not None:
            self.on_data(data)
            return
        self._buffer += data
        if self._waiting is None or not self._buffer.endswith(b"\r\n"):
            return
        # the last line alone is looked at: nothing follows a tagged answer
        start = self._buffer.rfind(b"\r\n", 0, len(self._buffer) - 2)
        if self._buffer.startswith(self._mark, 0 if start < 0 else start + 2) and not self._waiting.done():
            self._waiting.set_result(bytes(self._buffer))

    async def _until(self, mark: bytes) -> bytes:
        self._mark = mark
        self._waiting = asyncio.get_running_loop().create_future()
        if self._buffer.endswith(b"\r\n") and self._buffer.startswith(mark):
            self._waiting.set_result(bytes(self._buffer))
        try:
            return await self._waiting
        finally:
            self._waiting = None
            self._buffer.clear()

    async def command(self, line: bytes, literal: bytes | None = None) -> bytes:
        """The whole answer. Raises `RuntimeError` when it is not OK."""
        self._transport.write(command(line) if literal is None else command_with_literal(line, literal))
        answer = await self._until(TAG + b" ")
        if answer[answer.rfind(TAG + b" ") :][4:6] != b"OK":
            raise RuntimeError(f"{line[:60]!r}: {answer[-200:]!r}")
        return answer

    async def login(self, user: str, password: str) -> None:
        await self.command(f"LOGIN {user} {password}".encode())

    async def idle(self, on_data: Callable[[bytes], None]) -> None:
        """Enters IDLE for good; what comes goes to `on_data`."""
        self._transport.write(command(b"IDLE"))
        await self._until(b"+ ")
        self.on_data = on_data

    def close(self) -> None:
        self._transport.close()
