"""A short command is answered before the long ones of other sessions, though these came first."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from compostela.core.mailbox.view import Difference, MailboxView
from compostela.testing.conversation import Conversation
from compostela.testing.imap_session import MESSAGE, selected
from compostela.testing.server import running

SESSIONS = 8


@pytest.mark.parametrize("short", ["NOOP", "CHECK", "CAPABILITY", "LOGOUT"])
async def test_a_short_command_does_not_wait_for_all_long_ones(tmp_path: Path, short: str) -> None:
    async with running(tmp_path) as server, contextlib.AsyncExitStack() as stack:
        quick = await stack.enter_async_context(selected(server, MESSAGE))
        others = [await stack.enter_async_context(selected(server)) for _ in range(SESSIONS)]
        order = list[Conversation]()

        async def answered(c: Conversation) -> None:
            await c.until("x OK")
            order.append(c)

        for other in others:
            await other.client("x FETCH 1:* FLAGS")
        await quick.client(f"x {short}")
        await asyncio.gather(*map(answered, (*others, quick)))
        assert order.index(quick) < SESSIONS // 2


async def test_all_long_commands_are_answered_while_short_ones_keep_coming(tmp_path: Path) -> None:
    async with running(tmp_path) as server, contextlib.AsyncExitStack() as stack:
        quick = await stack.enter_async_context(selected(server, MESSAGE))
        others = [await stack.enter_async_context(selected(server)) for _ in range(SESSIONS)]
        is_over = False

        async def keep_asking() -> None:
            while not is_over:
                await quick.client("x NOOP")
                await quick.until("x OK")

        asking = asyncio.create_task(keep_asking())
        for other in others:
            await other.client("y FETCH 1:* FLAGS")
        for other in others:
            await other.until("y OK")
        is_over = True
        await asking


async def test_commands_that_come_in_one_piece_with_a_short_one_are_answered_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as server, selected(server, MESSAGE) as c:
        await c.client(
            f"a NOOP\r\nb APPEND INBOX {{{len(MESSAGE)}+}}\r\n{MESSAGE}\r\nc FETCH 1:* FLAGS\r\nd CHECK\r\ne LOGOUT"
        )
        heard = await c.until("e OK")
        await c.closed()
        tagged = [line[:4] for line in heard if not line.startswith("* ")]
        assert tagged == ["a OK", "b OK", "c OK", "d OK", "e OK"]
        assert "* 2 FETCH" in "\n".join(heard)


async def test_a_short_command_may_have_to_wait_for_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update = MailboxView.update

    async def slow(self: MailboxView, now: float, *, may_expunge: bool) -> Difference:
        async with asyncio.timeout(10):
            await asyncio.sleep(0.01)
        return await update(self, now, may_expunge=may_expunge)

    monkeypatch.setattr(MailboxView, "update", slow)
    async with running(tmp_path) as server, selected(server, MESSAGE) as c, selected(server, MESSAGE) as d:
        for tag in "abc":
            await c.client(f"{tag} NOOP")
            await d.client(f"{tag} NOOP", f"{tag}{tag} FETCH 1 FLAGS")
            await c.until(f"{tag} OK")
            await d.until(f"{tag} OK")
            await d.until(f"{tag}{tag} OK")
        await c.client("d LOGOUT")
        await c.until("d OK")
        await c.closed()
