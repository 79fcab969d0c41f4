"""IMAP at the wire."""

from pathlib import Path

from compostela.net.imap.session import MAX_FAULTS
from compostela.testing.conversation import conversation
from compostela.testing.imap_session import MESSAGE, append, log_in, logged_in, selected, two_sessions
from compostela.testing.server import running


async def test_login_is_refused_without_tls_when_it_must_be(tmp_path: Path) -> None:
    async with running(tmp_path, ssl=True) as server, conversation(server.ports["imap"]) as c:
        greeting = await c.server("* OK ")
        assert "LOGINDISABLED" in greeting
        assert "STARTTLS" in greeting
        await c.client("a1 LOGIN bob@example.org secret")
        await c.server("a1 NO [PRIVACYREQUIRED] LOGIN failed. Plain login / authentication are disabled.")
        await c.client("a2 STARTTLS")
        await c.server("a2 OK STARTTLS Begin TLS negotiation now.")
        await c.start_tls()
        await c.client("a3 AUTHENTICATE PLAIN AGJvYkBleGFtcGxlLm9yZwBzZWNyZXQ=")
        await c.server("a3 OK ")


async def test_the_third_failed_login_ends_the_session(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await c.server("* OK ")
        for number in range(3):
            await c.client(f"a{number} LOGIN bob@example.org wrong")
            await c.server(f"a{number} NO [AUTHENTICATIONFAILED] LOGIN failed. Invalid credentials.")
        await c.server("* BYE Login failed too many times.")
        await c.closed()


async def test_select_tells_everything_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await append(c)
        await c.client("a1 SELECT INBOX")
        await c.server(
            "* OK [MAILBOXID (", "* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen)", "* 1 EXISTS", "* 1 RECENT",
            "* OK [UIDVALIDITY ", "* OK [UNSEEN 1]", "* OK [PERMANENTFLAGS (\\Answered", "* OK [HIGHESTMODSEQ ",
            "* OK [UIDNEXT 2]", "a1 OK [READ-WRITE] SELECT completed.",
        )  # fmt: skip


async def test_sections_and_partials(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await append(c)
        await c.client("a1 EXAMINE INBOX")
        await c.until("a1 OK [READ-ONLY]")
        await c.client("a2 FETCH 1 (BODY[HEADER.FIELDS (SUBJECT)] BODY[TEXT]<1.3> BODY[9] RFC822.SIZE)")
        await c.server("* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {18}", "Subject: Hello", "", " BODY[TEXT]<1> {3}")
        await c.server(f"ext BODY[9] NIL RFC822.SIZE {len(MESSAGE)})", "a2 OK")
        await c.client("a3 STORE 1 +FLAGS (\\Seen)")
        await c.server("a3 NO STORE failed. Mailbox is read only.")


async def test_changes_of_another_session_and_expunge_only_when_allowed(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        conversation(server.ports["imap"]) as one,
        conversation(server.ports["imap"]) as other,
    ):
        await log_in(one)
        await append(one)
        await append(one)
        for c in (one, other):
            if c is other:
                await log_in(c)
            await c.client("s SELECT INBOX")
            await c.until("s OK")
        await other.client("b1 STORE 1 +FLAGS.SILENT (\\Deleted)", "b2 EXPUNGE")
        await other.server("b1 OK", "* 1 EXPUNGE", "b2 OK")
        await one.client("a1 FETCH 1:2 (UID)")
        await one.server("* 2 FETCH (UID 2)", "a1 NO [EXPUNGEISSUED]")
        await one.client("a2 NOOP")
        await one.server("* 1 EXPUNGE", "a2 OK")


async def test_idle_tells_at_once(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        conversation(server.ports["imap"]) as idler,
        conversation(server.ports["imap"]) as writer,
    ):
        await log_in(idler)
        await idler.client("a1 SELECT INBOX", "a2 IDLE")
        await idler.until("a1 OK")
        await idler.server("+ Idling")
        await log_in(writer)
        await append(writer)
        await idler.server("* 1 EXISTS", "* 1 RECENT")
        await idler.client("DONE")
        await idler.server("a2 OK IDLE completed.")


async def test_condstore(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await append(c)
        await append(c)
        await c.client("a1 SELECT INBOX (CONDSTORE)")
        await c.until("a1 OK")
        await c.client("a2 STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Flagged)")
        await c.server("a2 OK [MODIFIED 1]")
        await c.client("a3 STORE 1 +FLAGS (\\Flagged)")
        await c.server("* 1 FETCH (MODSEQ (4) FLAGS (\\Flagged \\Recent))", "a3 OK")
        await c.client("a4 FETCH 1:* (FLAGS) (CHANGEDSINCE 3)")
        await c.server("* 1 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (4))", "a4 OK")


async def test_copy_move_and_uidplus(tmp_path: Path) -> None:
    async with running(tmp_path) as server, selected(server, MESSAGE, MESSAGE) as c:
        await c.client("a2 COPY 1 Archive")
        await c.server("a2 OK [COPYUID ")
        await c.client("a3 UID MOVE 2 Trash")
        await c.server("* OK [COPYUID ", "* 2 EXPUNGE", "a3 OK")
        await c.client("a4 COPY 1 Nowhere")
        await c.server("a4 NO [TRYCREATE]")


async def test_search(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await append(c, flags="(\\Seen) ")
        await append(c, "From: x@y.example\r\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nother words\r\n")
        await c.client("a1 SELECT INBOX")
        await c.until("a1 OK")
        for key, found in (
            ("ALL", " 1 2"),
            ("UNSEEN", " 2"),
            ("OR SEEN BODY words", " 1 2"),
            ("NOT SUBJECT hello", " 2"),
            ("FROM y.example", " 2"),
            ("HEADER Subject hello", " 1"),
            ("TEXT nothing", ""),
            ("UID 1:*", " 1 2"),
            ("LARGER 10 SMALLER 100000", " 1 2"),
        ):
            await c.client(f"a2 SEARCH {key}")
            assert await c.line() == f"* SEARCH{found}", key
            await c.server("a2 OK")
        await c.client("a3 SEARCH CHARSET UTF-8 SUBJECT {7+}", "Grüße")
        assert await c.line() == "* SEARCH 2"
        await c.server("a3 OK")
        await c.client("a4 SEARCH CHARSET X-UNKNOWN ALL")
        await c.server("a4 NO [BADCHARSET")


async def test_mailboxes(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await c.client("a1 CREATE Projects.Secret.Plan")
        await c.server("a1 OK [MAILBOXID (")
        await c.client("a2 CREATE inbox")
        await c.server("a2 NO [ALREADYEXISTS] CREATE failed. Mailbox already exists.")
        await c.client('a3 LIST "" Projects*')
        await c.server(
            '* LIST (\\HasChildren) "." Projects', '* LIST (\\HasChildren) "." Projects.Secret',
            '* LIST (\\HasNoChildren) "." Projects.Secret.Plan', "a3 OK",
        )  # fmt: skip
        await c.client("a4 RENAME Projects Work", "a5 DELETE Work", "a6 DELETE INBOX")
        await c.server("a4 OK", "a5 OK", "a6 NO [CANNOT] DELETE failed. Deleting INBOX is forbidden.")
        await c.client('a7 LIST "" Work%')
        await c.server('* LIST (\\Noselect \\HasChildren) "." Work', "a7 OK")
        await c.client('a8 LIST "" (Sent Trash) RETURN (STATUS (MESSAGES))')
        await c.server('* LIST (\\HasNoChildren \\Sent) "." Sent', "* STATUS Sent (MESSAGES 0)")
        await c.until("a8 OK")
        await c.client("a9 SELECT #user.ann.INBOX")
        await c.server("a9 NO [NOPERM] SELECT failed. You can not access a mailbox that does not belong to you")


async def test_bad_commands(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await c.client("a1 FETCH 1 (FLAGS)")
        await c.server("a1 NO FETCH failed. Command not valid in this state.")
        await c.client("a2 FOO")
        await c.server("a2 BAD failed. Unknown command.")
        await c.client("a3 STATUS INBOX (NONSENSE)")
        await c.server("a3 BAD STATUS failed. Illegal arguments.")
        await c.client("a4 LOGIN {99999999999}")
        await c.server("a4 BAD failed. Literal size exceeded.")


async def test_an_unknown_command_before_login_is_tagged_bad(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await c.server("* OK ")
        await c.client("a1 HELLO")
        await c.server("a1 BAD failed. Unknown command.")
        await c.client(*("a2 HELLO" for _ in range(MAX_FAULTS)))
        await c.server(
            *("a2 BAD failed. Unknown command." for _ in range(MAX_FAULTS)), "* BYE Too many unknown commands."
        )
        await c.closed()


async def test_a_silent_store_still_tells_what_another_session_changed(tmp_path: Path) -> None:
    async with two_sessions(tmp_path, MESSAGE, MESSAGE) as (c, d):
        await d.client("d1 SELECT INBOX", "d2 STORE 1 +FLAGS.SILENT (\\Draft)")
        await d.until("d2 OK")
        await c.client("a2 STORE 1:2 +FLAGS.SILENT (\\Seen)")
        await c.server("* 1 FETCH (FLAGS (\\Seen \\Draft \\Recent))", "a2 OK STORE completed.")


async def test_the_answer_to_a_store_with_a_new_keyword_comes_before_later_news(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await append(c)
        await append(c)
        await c.client("a1 SELECT INBOX (CONDSTORE)")
        await c.until("a1 OK")
        await append(c)
        await c.client("a2 STORE 1 +FLAGS ($New)")
        await c.server(
            "* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen $New)", "* OK [PERMANENTFLAGS (",
            "* 1 FETCH (MODSEQ (", "a2 OK STORE completed.",
        )  # fmt: skip
