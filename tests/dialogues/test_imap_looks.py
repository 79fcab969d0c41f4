"""When an IMAP session looks at its mailbox: after a hint, after a while, and always when the client asks for it."""

from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.model.mailbox_path import MailboxPath
from compostela.testing.imap_session import logged_in, selected
from compostela.testing.server import BOB, Server, running

MESSAGE = NewMessage(MessageContent(b"Subject: x\r\n\r\n", MemoryBody(b"x\r\n")), b"", 1)


@pytest.fixture(autouse=True)
def _no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hint from another process is lost, and is not found missing for long."""
    monkeypatch.setattr("compostela.adapters.embedded.signals.POLL_SECONDS", 3600.0)
    monkeypatch.setattr("compostela.adapters.embedded.signals.Signals._send", lambda *_: None)


async def from_another_process(folder: Path) -> None:
    store = await EmbeddedStore.open(folder / "data")
    inbox = await store.mailboxes.find(MailboxPath.inbox(BOB))
    assert inbox is not None
    await store.mailboxes.append(inbox.id, [MESSAGE])
    await store.close()


@pytest.mark.parametrize("command", ["NOOP", "CHECK"])
async def test_after_ok_in_one_process_noop_in_another_shows_it(tmp_path: Path, command: str) -> None:
    async with running(tmp_path) as server, selected(server) as c:
        await from_another_process(tmp_path)
        await c.client(f"n {command}")
        await c.server("* 1 EXISTS", "* 1 RECENT", "n OK")


async def test_idle_looks_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as server, selected(server) as c:
        await from_another_process(tmp_path)
        await c.client("i IDLE")
        await c.server("+ ", "* 1 EXISTS", "* 1 RECENT")
        await from_another_process(tmp_path)
        await c.client("DONE")
        await c.server("* 2 EXISTS", "* 2 RECENT", "i OK")


async def test_status_and_select_read_the_head(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await from_another_process(tmp_path)
        await c.client("t STATUS INBOX (MESSAGES)")
        await c.server("* STATUS INBOX (MESSAGES 1)", "t OK")
        await from_another_process(tmp_path)
        await c.client("s SELECT INBOX")
        await c.until("* 2 EXISTS")


async def test_other_commands_read_nothing_while_the_view_is_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as server, selected(server) as c:
        reads = counted(server, monkeypatch)
        await c.client("a CAPABILITY", "b NAMESPACE", "c FETCH 1:* FLAGS", "d SEARCH ALL")
        await c.until("d OK")
        assert reads == []
        monkeypatch.setattr("compostela.core.mailbox.view.FRESH_SECONDS", -1.0)
        await c.client("e NAMESPACE")
        await c.until("e OK")
        assert len(reads) == 1


def counted(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Notes each reading of a log."""
    reads: list[object] = []
    log = server.store.mailboxes.log

    async def noted(mailbox: object, *arguments: object) -> object:
        reads.append(mailbox)
        return await log(mailbox, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(server.store.mailboxes, "log", noted)
    return reads
