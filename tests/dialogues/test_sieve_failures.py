"""Scripts whose actions meet a store that is away."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import CHUNK_BYTES
from compostela.processing import retries
from compostela.testing.conversation import conversation
from compostela.testing.server import ANN, BOB, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.imap_durable_writes import failing
from tests.dialogues.processing import idle, messages, send
from tests.dialogues.sieve import MAIL, deliver, in_mailbox, put

LISTS = 'require "fileinto"; fileinto "Lists";'


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_SECONDS", 0.001)


async def both(server: Server, subject: str) -> None:
    async with conversation(server.ports["smtp"]) as c:
        await send(c, [str(BOB), str(ANN)], MAIL.format(subject, subject), "ann@example.org")


async def test_a_store_that_is_away_for_a_moment_does_not_put_the_mail_into_inbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await deliver(server, "before")
        await put(server, LISTS)
        failing(monkeypatch, server, "create", times=retries.TRIES - 1)
        await deliver(server, "sorted")
        assert len(await in_mailbox(server, BOB, "Lists")) == 1
        assert len(await messages(server, BOB)) == 1


async def test_a_store_that_stays_away_leaves_the_mail_in_inbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await deliver(server, "before")
        await put(server, LISTS)
        again = failing(monkeypatch, server, "create", times=retries.TRIES)
        await deliver(server, "kept")
        again()
        assert await in_mailbox(server, BOB, "Lists") == []
        assert len(await messages(server, BOB)) == 2


async def test_a_recipient_whose_store_is_away_holds_no_other_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, LISTS, ANN)
        await deliver(server, "before", to=str(ANN))
        await deliver(server, "before")
        await put(server, LISTS)
        create, released, asked = server.store.mailboxes.create, asyncio.Event(), asyncio.Event()

        async def waits(*arguments: object) -> object:
            asked.set()
            await released.wait()
            raise TemporaryFailure("on purpose")

        monkeypatch.setattr(server.store.mailboxes, "create", waits)
        await both(server, "both")
        await asked.wait()

        async def has_ann_both() -> bool | None:
            return len(await in_mailbox(server, ANN, "Lists")) == 2 or None

        await eventually(has_ann_both)
        monkeypatch.setattr(server.store.mailboxes, "create", create)
        released.set()
        await eventually(lambda: idle(server))
        assert len(await in_mailbox(server, BOB, "Lists")) == 1


async def test_scripts_do_not_hold_the_threads_that_read_their_bodies(tmp_path: Path) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require ["body", "fileinto"]; if body :contains "needle" { fileinto "Lists"; }')
        await deliver(server, "needle\r\n\r\n" + "hay needle\r\n" * (CHUNK_BYTES // 10))
        assert len(await in_mailbox(server, BOB, "Lists")) == 1


async def test_an_action_that_is_tried_again_is_not_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require ["fileinto", "copy"]; fileinto :copy "A"; redirect :copy "ann@example.org";')
        await deliver(server, "before")
        await put(
            server,
            'require ["fileinto", "copy"]; fileinto :copy "A"; redirect :copy "ann@example.org"; fileinto "B";',
        )
        failing(monkeypatch, server, "create", times=retries.TRIES - 1)
        await deliver(server, "sorted")
        assert [len(await in_mailbox(server, BOB, name)) for name in ("A", "B")] == [2, 1]
        assert len(await messages(server, ANN)) == 2


async def test_the_owner_is_told_once_of_an_action_that_cannot_be_done(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require "fileinto"; fileinto "a..b";')
        await deliver(server, "first")
        await deliver(server, "second")
        found = await messages(server, BOB)
        told = [text for text in found if b"Subject: Your mail filter failed" in text]
        assert len(found) == 3
        assert len(told) == 1
        assert b"The failure: a mailbox name must not have an empty level" in told[0]
