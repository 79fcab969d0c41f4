"""Dialogues with a server that has hooks, beside a name server on loopback."""

import contextlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.name_server import NameServer, Zone, name_server
from compostela.testing.server import running

NETWORK = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"


@contextlib.asynccontextmanager
async def with_hooks(
    folder: Path,
    handlers: str,
    zone: Zone | None = None,
    *,
    failing: Collection[str] = (),
    silent: Collection[str] = (),
    helo: str = "client.example",
    **options: str,
) -> AsyncIterator[tuple[Conversation, NameServer]]:
    """A conversation after EHLO."""
    async with (
        name_server(zone or {}, failing=failing, silent=silent) as names,
        running(folder, handlers=handlers, dns=names.address, identity="disabled", **options) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("220 ")
        await c.client(f"EHLO {helo}")
        await c.until("250 ")
        yield c, names


async def send(c: Conversation, *lines: str, sender: str = "ann@sender.example") -> str:
    """A message to bob; the answer to its final dot."""
    await c.client(f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA")
    await c.server("250 2.1.0", "250 2.1.5", "354 ")
    await c.client(*lines, ".")
    return await c.line()
