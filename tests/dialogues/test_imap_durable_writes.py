"""A durable change is answered OK even if a read after it fails, and a session survives a store that fails for a while: a
client that gets NO repeats the command, and has the message twice."""

from pathlib import Path

import pytest

from compostela.net.imap import session
from compostela.testing.conversation import conversation
from compostela.testing.imap_session import MESSAGE, append, log_in, logged_in, select, selected
from compostela.testing.server import Server, running
from tests.dialogues.imap_durable_writes import Again, failing

WRITES = ("append", "copy", "move", "store_flags", "expunge", "create", "delete", "rename", "subscribe")


def failing_after_a_write(monkeypatch: pytest.MonkeyPatch, server: Server, *methods: str) -> Again:
    """The methods fail from the store's next durable write on; gives what ends that."""
    store, endings = server.store.mailboxes, list[Again]()

    def armed(name: str) -> None:
        write = getattr(store, name)

        async def then_fail(*arguments: object, **options: object) -> object:
            result = await write(*arguments, **options)
            endings.extend(failing(monkeypatch, server, method) for method in methods)
            return result

        monkeypatch.setattr(store, name, then_fail)

    for name in WRITES:
        armed(name)

    def end() -> None:
        assert endings, "nothing was written"
        for one in reversed(endings):
            one()

    return end


@pytest.mark.parametrize("method", ["log", "head"])
async def test_an_append_is_ok_when_its_read_back_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async with running(tmp_path) as server, selected(server) as c:
        again = failing_after_a_write(monkeypatch, server, method)
        await c.client(f"a APPEND INBOX (later) {{{len(MESSAGE)}+}}", MESSAGE)
        assert "a OK [APPENDUID " in (await c.until("a "))[-1]
        again()
        await c.client("n NOOP")
        told = await c.until("n OK ")
        if method == "log":
            assert "* 1 EXISTS" in told
        await c.client("f FETCH 1 (FLAGS)")
        await c.server("* 1 FETCH (FLAGS (\\Recent later))", "f OK ")


@pytest.mark.parametrize(
    ("command", "answer", "then"),
    [
        ("STORE 1 +FLAGS (fresh)", "OK STORE", "* 1 FETCH (FLAGS (fresh))"),
        ("STORE 1 +FLAGS.SILENT (fresh)", "OK STORE", ""),
        ("COPY 1 INBOX", "OK [COPYUID ", "* 3 EXISTS"),
        ("COPY 1 Archive", "OK [COPYUID ", ""),
        ("MOVE 1 Archive", "OK MOVE", "* 1 EXPUNGE"),
        ("EXPUNGE", "OK EXPUNGE", "* 2 EXPUNGE"),
        ("UID EXPUNGE 2", "OK UID EXPUNGE", "* 2 EXPUNGE"),
        ("CREATE Fresh", "OK [MAILBOXID ", ""),
        ("DELETE Archive", "OK DELETE", ""),
        ("RENAME Archive Fresh", "OK RENAME", ""),
        ("SUBSCRIBE Archive", "OK SUBSCRIBE", ""),
    ],
)
async def test_a_durable_change_is_ok_when_nothing_can_be_read_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, answer: str, then: str
) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await append(c)
        await append(c, flags="(\\Deleted) ")
        await select(c)
        again = failing_after_a_write(monkeypatch, server, "log", "head")
        await c.client(f"a {command}")
        assert (await c.until("a "))[-1].startswith(f"a {answer}")
        again()
        await c.client("n NOOP")
        told = await c.until("n OK ")
        assert then.startswith("* 1 FETCH") or not then or then in told


async def test_a_close_that_has_expunged_is_ok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as server, selected(server) as c:
        await append(c, flags="(\\Deleted) ")
        failing(monkeypatch, server, "take_recent")
        await c.client("a CLOSE")
        await c.server("a OK CLOSE completed.")
        await c.client("b STATUS INBOX (MESSAGES)")
        await c.server("* STATUS INBOX (MESSAGES 0)", "b OK ")


async def test_a_copy_is_ok_when_the_selected_mailbox_is_deleted_meanwhile(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        conversation(server.ports["imap"]) as c,
        conversation(server.ports["imap"]) as d,
    ):
        await log_in(c)
        await log_in(d)
        await select(c, "Drafts")
        await d.client("d DELETE Drafts")
        await d.server("d OK ")
        await c.client(f"a APPEND INBOX {{{len(MESSAGE)}+}}", MESSAGE)
        await c.server("a OK [APPENDUID ", "* BYE Selected mailbox has been deleted")
        await c.closed()


async def test_an_append_that_cannot_begin_is_refused_and_the_session_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        again = failing(monkeypatch, server, "find")
        await c.client(f"a APPEND Sent {{{len(MESSAGE)}}}")
        await c.server("a NO [UNAVAILABLE] APPEND processing failed.")
        await c.client(f"b APPEND Sent {{{len(MESSAGE)}+}}", MESSAGE)
        await c.server("b NO [UNAVAILABLE] APPEND processing failed.")
        again()
        await c.client(f"d APPEND Sent {{{len(MESSAGE)}+}}", MESSAGE)
        await c.server("d OK [APPENDUID ")


async def test_a_mail_is_read_when_it_cannot_be_marked_as_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as server, selected(server, MESSAGE) as c:
        failing(monkeypatch, server, "store_flags", times=1)
        await c.client("f FETCH 1 BODY[TEXT]")
        await c.server("* 1 FETCH (BODY[TEXT] {", "Text.", ")", "f OK ")
        await c.client("g FETCH 1 BODY[TEXT]")
        await c.server("* 1 FETCH (BODY[TEXT] {", "Text.", " FLAGS (\\Seen \\Recent))", "g OK ")


async def test_idle_stays_when_the_store_fails_and_tells_what_it_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FIRST_IDLE_RETRY_SECONDS", 0.01)
    async with (
        running(tmp_path) as server,
        conversation(server.ports["imap"]) as c,
        conversation(server.ports["imap"]) as d,
    ):
        await log_in(c)
        await log_in(d)
        await select(c)
        await c.client("i IDLE")
        await c.server("+ Idling")
        failing(monkeypatch, server, "log", times=4)
        await append(d)
        await c.server("* 1 EXISTS", "* 1 RECENT")
        await c.client("DONE")
        await c.server("i OK IDLE completed.")


async def test_idle_ends_with_ok_while_the_store_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as server, selected(server) as c:
        again = failing(monkeypatch, server, "log")
        await c.client("i IDLE")
        await c.server("+ Idling")
        await c.client("DONE")
        await c.server("i OK IDLE completed.")
        again()
        await append(c)
