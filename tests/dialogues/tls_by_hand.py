"""A TLS client for tests that decide which octets are sent together."""

import asyncio
import ssl

from tests.dialogues.tls_server import client_context


class TlsByHand:
    """A TLS client without a TLS transport: the handshake and the first command can share one write."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_context().wrap_bio(self._in, self._out, server_hostname="mail.example.org")

    async def shake_hands(self, header: bytes = b"") -> None:
        """Send `header` with the first octets of the handshake. The last octets are sent by the first call of `say`."""
        first = header
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._writer.write(first + self._out.read())
                first = b""
                octets = await self._reader.read(65536)
                assert octets
                self._in.write(octets)
            else:
                return

    async def say(self, text: bytes) -> bytes:
        """Send `text`, and return the next octets that the server sends."""
        if text:
            self._tls.write(text)
        self._writer.write(self._out.read())
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                octets = await self._reader.read(65536)
                assert octets
                self._in.write(octets)
