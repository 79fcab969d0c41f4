"""IMAP sessions of bob for dialogues: logged in, with messages in INBOX, which is selected."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import Server, running

MESSAGE = "From: a@b.example\r\nSubject: Hello\r\n\r\nText.\r\n"


async def log_in(c: Conversation, user: str = "bob@example.org") -> None:
    await c.server("* OK [CAPABILITY IMAP4rev1")
    await c.client(f"a0 LOGIN {user} secret")
    await c.server("a0 OK [CAPABILITY ")


async def append(c: Conversation, text: str = MESSAGE, flags: str = "") -> None:
    await c.client(f"ap APPEND INBOX {flags}{{{len(text)}+}}", text)
    await c.until("ap OK [APPENDUID ")


async def select(c: Conversation, mailbox: str = "INBOX") -> None:
    await c.client(f"s SELECT {mailbox}")
    await c.until("s OK ")


@contextlib.asynccontextmanager
async def logged_in(server: Server) -> AsyncIterator[Conversation]:
    async with conversation(server.ports["imap"]) as c:
        await log_in(c)
        yield c


@contextlib.asynccontextmanager
async def selected(server: Server, *messages: str) -> AsyncIterator[Conversation]:
    """INBOX is selected after these messages were appended to it."""
    async with logged_in(server) as c:
        for text in messages:
            await append(c, text)
        await select(c)
        yield c


@contextlib.asynccontextmanager
async def two_sessions(folder: Path, *messages: str) -> AsyncIterator[tuple[Conversation, Conversation]]:
    """One as `selected` gives it, and a second one that is logged in."""
    async with running(folder) as server, selected(server, *messages) as c, logged_in(server) as d:
        yield c, d
