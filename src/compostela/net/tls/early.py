"""The client's side of STARTTLS: octets that came in the clear after the server's go-ahead."""

import asyncio
from typing import cast

READ_BYTES = 16 * 1024


async def early_octets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return what has come, right before the handshake. An honest server has sent nothing; read under TLS it would pass for an answer
    (RFC 3207 §6). Reading is paused until the handshake begins, so nothing can come between this look and the handshake."""
    cast("asyncio.Transport", writer.transport).pause_reading()  # the stream's type is of its writing half
    try:
        async with asyncio.timeout(0):
            return await reader.read(READ_BYTES)
    except TimeoutError:
        return b""
