"""POP3 sessions give their memory back when they end, without the garbage collector, which seldom comes by."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from compostela.net.connection import Connection
from compostela.net.pop3.maildrop import Maildrop
from compostela.net.pop3.session import Pop3Session
from compostela.testing.waiting import eventually
from tests.dialogues.pop3_server import MESSAGE, b64, deliver, greeted, logged_in, multiline, serving


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def nothing_is_left() -> bool | None:
    left = [one for one in gc.get_objects() if isinstance(one, Connection | Pop3Session | Maildrop)]
    return None if left else True


@pytest.mark.parametrize("last", ["QUIT", "RETR 1", "AUTH PLAIN", "USER bob@example.org", "nonsense", "x" * 10_000])
async def test_a_session_that_ends_is_freed(tmp_path: Path, last: str) -> None:
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE)
        async with logged_in(server) as c:
            await c.client("DELE 1", "RSET", "RETR 1")
            await c.server("+OK ", "+OK ")
            await multiline(c)
            await c.client(last)
        async with greeted(server) as c:
            await c.client("AUTH PLAIN", last)
        await eventually(nothing_is_left)


async def test_a_login_whose_client_is_gone_is_freed(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        for _ in range(5):
            async with greeted(server) as c:
                await c.client("AUTH PLAIN " + b64(b"\0bob@example.org\0secret"))
                await asyncio.sleep(0)
        await eventually(nothing_is_left)
