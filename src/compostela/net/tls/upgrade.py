"""The server's side of a TLS handshake on a connection that is open already; it ends when the connection does."""

import asyncio
import ssl
from typing import cast

HANDSHAKE_SECONDS = 30.0
"""How long a handshake may take."""


async def upgrade(
    transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, early: bytearray
) -> asyncio.Transport | None:
    """Shake hands and return the transport to go on with.

    Return None if the connection ended, the handshake failed or its time is over: then the transport is aborted, and `protocol`
    may hear nothing of the end from the event loop. `early` holds what the protocol has read of the handshake so far, and
    may grow until this function is awaited on; it is taken out of it."""
    try:
        # the loops' own limit comes to nothing when they miss the connection's end
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            if early:
                upgraded = await _shake_hands_from(early, transport, protocol, context)
            else:
                upgraded = await _shake_hands(transport, protocol, context)
    except (OSError, ssl.SSLError):
        upgraded = None
    if upgraded is None or upgraded.is_closing():
        transport.abort()
        return None
    return upgraded


async def _shake_hands(
    transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext
) -> asyncio.Transport | None:
    # On a connection whose end is on its way to the old protocol, uvloop's start_tls waits for ever: its TLS never hears of
    # the end, and its time limit closes only what is closed. From here to where its TLS listens nothing can come between.
    if transport.is_closing():
        return None
    return await asyncio.get_running_loop().start_tls(
        transport, protocol, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
    )


async def _shake_hands_from(
    early: bytearray, transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext
) -> asyncio.Transport | None:
    loop = asyncio.get_running_loop()
    shaking = loop.create_task(_shake_hands(transport, protocol, context))
    try:
        # The task's first step puts the loop's TLS in place and asks for its start: what is asked for after that step comes right
        # after the start, and before anything that the socket has.
        await asyncio.sleep(0)
        loop.call_soon(_feed, transport, bytes(early))
        early.clear()
        return await shaking
    finally:
        # its error knows this frame: as a cycle the whole connection would stay in memory until the collector comes by
        del shaking


def _feed(transport: asyncio.Transport, octets: bytes) -> None:
    if transport.is_closing():
        return
    # by asyncio's contract of start_tls; uvloop's class has the methods and does not derive from this one
    protocol = cast("asyncio.BufferedProtocol", transport.get_protocol())
    left = memoryview(octets)
    while left:
        room = memoryview(protocol.get_buffer(len(left))).cast("B")
        size = min(len(room), len(left))
        room[:size] = left[:size]
        protocol.buffer_updated(size)
        left = left[size:]
