"""POP3 at the wire: maildrops (RFC 1939, RFC 2449)."""

import asyncio
import os
from pathlib import Path

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.mime.headers import header_end
from compostela.model.mailbox_path import MailboxPath
from compostela.model.uid_set import UidSet
from compostela.net.connection import Connection
from compostela.net.pop3.session import Pop3Session
from compostela.testing.conversation import conversation
from compostela.testing.server import BOB, Server
from compostela.testing.waiting import eventually
from tests.dialogues.pop3_server import MESSAGE, deliver, greeted, in_inbox, logged_in, multiline, serving

SIZE = len(MESSAGE)


def connection_of(server: Server) -> Connection:
    """The only one."""
    listener = next(one for one in server.under_test.listeners if one.settings.name == "pop3")
    (connection,) = listener._open
    assert isinstance(connection, Connection)
    return connection


async def is_stuck(server: Server) -> bool | None:
    """The client does not read what it asked for."""
    return True if connection_of(server).writable is not None else None


async def test_a_session_from_login_to_quit(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE, MESSAGE)
        async with logged_in(server) as c:
            await c.client("STAT", "LIST", "LIST 2", "LIST 3", "LIST 0", "UIDL x", "RETR 1")
            await c.server(f"+OK 2 {2 * SIZE}", "+OK 2 messages", f"1 {SIZE}", f"2 {SIZE}", ".", f"+OK 2 {SIZE}")
            await c.server("-ERR Message (3) does not exist.", "-ERR Message (0) does not exist.")
            await c.server("-ERR Usage: UIDL [mail number]", "+OK Message follows", "From: a@b.example")
            await c.server("Subject: Hello", "", "One.", "..", "...two", "Three.", ".")
            await c.client("DELE 1", "DELE 1", "RETR 1", "LIST 1", "UIDL 1", "TOP 1 1", "STAT", "LIST")
            await c.server("+OK Message deleted", *["-ERR Message (1) already deleted."] * 5)
            await c.server(f"+OK 1 {SIZE}", "+OK 1 messages", f"2 {SIZE}", ".")
            await c.client("RSET", "STAT", "DELE 2", "NOOP", "QUIT")
            await c.server(
                "+OK 2 messages", f"+OK 2 {2 * SIZE}", "+OK ", "+OK ", "+OK Compostela POP3 server signing off."
            )
            await c.closed()
        assert await in_inbox(server) == 1


async def test_top_gives_the_header_and_so_many_lines(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE, b"no header at all\r\n", b"Subject: no body\r\n")
        async with logged_in(server) as c:
            await c.client("TOP 1 0", "TOP 1 2", "TOP 1 4000000000", "TOP 2 1", "TOP 3 5", "TOP 4 1")
            head = ("+OK ", "From: a@b.example", "Subject: Hello", "")
            await c.server(*head, ".", *head, "One.", "..", ".", *head, "One.", "..", "...two", "Three.", ".")
            await c.server(
                "+OK ", "no header at all", ".", "+OK ", "Subject: no body", ".", "-ERR Message (4) does not"
            )


async def test_unique_ids_never_change(tmp_path: Path) -> None:
    ids = []
    for _ in range(2):
        async with serving(tmp_path) as server:
            if not ids:
                await deliver(server, MESSAGE, MESSAGE, MESSAGE)
            async with logged_in(server) as c:
                await c.client("UIDL", "UIDL 2", "DELE 1", "QUIT" if not ids else "NOOP")
                lines = await c.until(".")
                ids.append([line.split()[1] for line in lines[1:-1]])
                await c.server(f"+OK 2 {ids[-1][1]}")
                await c.until("+OK Comp" if len(ids) == 1 else "+OK Noth")
    first, second = ids
    assert second == first[1:]
    assert len(set(first)) == 3
    assert all(len(one) <= 70 and all("!" <= character <= "~" for character in one) for one in first)


async def test_a_session_without_quit_removes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE)
        async with logged_in(server) as c:
            await c.client("DELE 1")
            await c.server("+OK ")
        async with logged_in(server) as c:
            await c.client("STAT")
            await c.server(f"+OK 1 {SIZE}")


async def test_the_maildrop_is_that_of_the_login(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE)
        async with logged_in(server) as c:
            await deliver(server, MESSAGE)
            await c.client("STAT", "RETR 2", "RSET", "LIST")
            await c.server(
                f"+OK 1 {SIZE}", "-ERR Message (2) does not exist.", "+OK 1 messages", "+OK ", f"1 {SIZE}", "."
            )


async def test_several_sessions_on_one_maildrop(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE, MESSAGE)
        async with logged_in(server) as one:
            async with logged_in(server) as other:
                await other.client("DELE 1", "QUIT")
                await other.server("+OK ", "+OK ")
            await one.client("RETR 1", "TOP 1 0", "LIST 1", "DELE 1", "RETR 2")
            await one.server("-ERR Message (1) was removed by another session.", "-ERR Message (1) was removed")
            await one.server(f"+OK 1 {SIZE}", "+OK Message deleted")
            assert len(await multiline(one)) == 7
            await one.client("QUIT")
            await one.server("+OK Compostela POP3 server signing off.")
        assert await in_inbox(server) == 1


async def test_a_mailbox_that_is_deleted_under_the_session(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE, MESSAGE)
        async with logged_in(server) as c:
            inbox = await server.store.mailboxes.find(MailboxPath.inbox(BOB))
            assert inbox is not None
            await server.store.mailboxes.delete(inbox.id)
            await c.client("RETR 1", "DELE 2", "QUIT")
            await c.server("-ERR Message (1) was removed", "+OK ", "+OK Compostela POP3 server signing off.")


async def test_a_user_without_mail(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, logged_in(server, "ann@example.org") as c:
        await c.client("STAT", "LIST", "UIDL", "RETR 1", "DELE 1", "QUIT")
        await c.server("+OK 0 0", "+OK 0 messages (0 octets)", ".", "+OK ", ".", "-ERR ", "-ERR ", "+OK ")
        await c.closed()


async def test_a_large_message_streams_whole_with_its_dots(tmp_path: Path) -> None:
    body = b".a line that begins with a dot\r\n" * 40_000
    async with serving(tmp_path) as server:
        message = b"Subject: large\r\n\r\n" + body
        end = header_end(message)
        mailboxes = server.under_test.services.mailboxes.system
        spill = server.store.blobs.spill()
        spill.write(body)
        await mailboxes.append(await mailboxes.inbox(BOB), MessageContent(message[:end], await spill.finish()))
        async with logged_in(server) as c:
            await c.client("RETR 1", "TOP 1 2000", "QUIT")
            for count in (40_000, 2000):
                await c.server("+OK Message follows", "Subject: large", "")
                assert {await c.line() for _ in range(count)} == {"..a line that begins with a dot"}
                await c.server(".")
            await c.server("+OK Compostela")


@pytest.mark.parametrize("lines", [50, 3000, 13_000])
async def test_a_client_that_does_not_read_keeps_little_in_memory(tmp_path: Path, lines: int) -> None:
    """RETR of many messages, sent at once: the server does not go on while the client does not read."""
    async with serving(tmp_path) as server:
        await deliver(server, b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * lines)
        async with logged_in(server) as c:
            await c.client(*["RETR 1"] * 2000)
            await eventually(lambda: is_stuck(server))
            connection = connection_of(server)
            session = connection._session
            assert isinstance(session, Pop3Session)
            assert connection._transport.get_write_buffer_size() < 1024 * 1024
            assert sum(len(octets) for octets in session._replies.octets) < 1024 * 1024
            for _ in range(20):
                assert len(await multiline(c)) == 2 + lines


@pytest.mark.parametrize("line", ["XTND", "STAT 1", "USER x", "RETR one"])
async def test_too_many_faults_end_the_session(tmp_path: Path, line: str) -> None:
    async with serving(tmp_path) as server, logged_in(server) as c:
        await c.client(*[line] * 19, "NOOP", *[line] * 21)
        await c.server(*["-ERR "] * 19, "+OK ", *["-ERR "] * 20, "-ERR Too many errors.")
        await c.closed()


async def test_a_line_too_long_ends_the_session(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, greeted(server) as c:
        await c.client("USER " + "x" * 10_000)
        await c.server("-ERR Line too long.")
        await c.reset()


async def test_silence_and_shutdown_close_without_a_word(tmp_path: Path) -> None:
    """RFC 1939 §3."""
    timeout = "<connectiontimeout>300ms</connectiontimeout>"
    async with serving(tmp_path, elements=timeout) as server, logged_in(server) as c:
        await c.closed()
    (tmp_path / "second").mkdir()
    async with serving(tmp_path / "second") as server, logged_in(server) as c:
        await asyncio.gather(c.closed(), server.under_test.listeners[-1].stop())


async def test_limits_of_connections(tmp_path: Path) -> None:
    limit = "<connectionLimitPerIP>1</connectionLimitPerIP>"
    async with (
        serving(tmp_path, elements=limit) as server,
        greeted(server),
        conversation(server.ports["pop3"]) as other,
    ):
        await other.server("-ERR [SYS/TEMP] Too many connections, try again later.")
        await other.closed()


async def test_a_body_that_cannot_be_read_is_refused_for_now(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        mailboxes = server.under_test.services.mailboxes.system
        spill = server.store.blobs.spill()
        spill.write(b"x" * 1_000_000)
        await mailboxes.append(await mailboxes.inbox(BOB), MessageContent(b"Subject: x\r\n\r\n", await spill.finish()))
        await deliver(server, MESSAGE)
        for path in (tmp_path / "data" / "blobs").rglob("*"):
            if path.is_file():
                path.unlink()
        async with logged_in(server) as c:
            await c.client("RETR 1", "RETR 2", "DELE 1", "QUIT")
            await c.server("-ERR [SYS/TEMP] Unable to process request.")
            assert len(await multiline(c)) == 7
            await c.server("+OK ", "+OK ")
        assert await in_inbox(server) == 1


async def test_quit_tells_when_messages_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*arguments: object) -> None:
        raise TemporaryFailure("on purpose")

    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE)
        async with logged_in(server) as c:
            monkeypatch.setattr(server.store.mailboxes, "remove", fails)
            await c.client("DELE 1", "QUIT")
            await c.server("+OK ", "-ERR [SYS/TEMP] Some deleted messages were not removed")
            await c.closed()
        assert await in_inbox(server) == 1


async def test_listings_of_thousands_with_gaps(tmp_path: Path) -> None:
    """More lines than are made at once, marks and UIDs that are gone among them."""
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE)
        mailboxes = server.under_test.services.mailboxes.system
        content = MessageContent(b"Subject: x\r\n\r\n", MemoryBody(b""))
        message = NewMessage(content, await server.under_test.services.mailboxes.structures.of(content), 1)
        inbox = await mailboxes.inbox(BOB)
        await server.store.mailboxes.append(inbox.id, [message] * 2600)
        await mailboxes.remove(inbox, UidSet([(1, 1), (500, 598)]))
        async with logged_in(server) as c:
            await c.client("DELE 1000", "LIST", "UIDL")
            await c.server("+OK Message deleted")
            numbers = [number for number in range(1, 2502) if number != 1000]
            assert await multiline(c) == [f"{number} {content.size}" for number in numbers]
            uids = [uid for uid in range(2, 2602) if not 500 <= uid <= 598]
            unique = [f"{number} {inbox.id}-{uids[number - 1]}" for number in numbers]
            assert await multiline(c) == unique


async def test_a_body_that_is_cut_while_it_is_sent_is_not_given_as_whole(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        mailboxes = server.under_test.services.mailboxes.system
        spill = server.store.blobs.spill()
        spill.write((b"x" * 70 + b"\r\n") * 300_000)
        await mailboxes.append(await mailboxes.inbox(BOB), MessageContent(b"Subject: x\r\n\r\n", await spill.finish()))
        async with logged_in(server) as c:
            await c.client("RETR 1")
            await eventually(lambda: is_stuck(server))
            for path in (tmp_path / "data" / "blobs").rglob("*"):
                if path.is_file():
                    os.truncate(path, 300_000)
            sent = await c.until_closed()
            assert sent.startswith(b"+OK Message follows\r\nSubject: x\r\n")
            assert not sent.endswith(b"\r\n.\r\n")


async def test_a_message_that_is_removed_while_it_is_sent_arrives_whole(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        mailboxes = server.under_test.services.mailboxes.system
        spill = server.store.blobs.spill()
        spill.write((b"x" * 70 + b"\r\n") * 300_000)
        inbox = await mailboxes.inbox(BOB)
        await mailboxes.append(inbox, MessageContent(b"Subject: x\r\n\r\n", await spill.finish()))
        async with logged_in(server) as c:
            await c.client("RETR 1")
            await eventually(lambda: is_stuck(server))
            await mailboxes.remove(inbox, UidSet([(1, 1)]))
            for path in (tmp_path / "data" / "blobs").rglob("*"):
                if path.is_file():
                    path.unlink()  # as garbage collection does
            assert len(await multiline(c)) == 2 + 300_000
