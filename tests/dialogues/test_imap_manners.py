"""Answers that clients rely on: codes, deletions, counts, what is told when."""

from pathlib import Path

import pytest

from compostela.model.mailbox_path import MailboxPath
from compostela.testing.conversation import conversation
from compostela.testing.imap_session import MESSAGE, append, log_in, logged_in, select, selected, two_sessions
from compostela.testing.server import BOB, running


async def test_deleting_the_selected_mailbox_is_ok_and_deselects(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await c.client("c CREATE Old")
        await c.server("c OK")
        await select(c, "Old")
        await c.client("d DELETE Old", "f FETCH 1 FLAGS", "n NOOP")
        await c.server("d OK", "f NO FETCH failed. Command not valid in this state.", "n OK")


async def test_a_line_that_is_too_long_is_tagged_bad_before_the_bye(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await c.client("long SELECT " + 70_000 * "x")
        await c.server("long BAD ", "* BYE ")


@pytest.mark.parametrize(
    "command", ["FETCH 3 FLAGS", "FETCH 1:3 FLAGS", "STORE 3 +FLAGS (x)", "COPY 3 Sent", "SEARCH 3"]
)
async def test_a_number_beyond_the_end_is_bad(tmp_path: Path, command: str) -> None:
    async with running(tmp_path) as server, selected(server, MESSAGE, MESSAGE) as c:
        await c.client(f"a {command}", "b FETCH 2:* UID")
        await c.server("a BAD ", "* 2 FETCH (UID 2)", "b OK")


@pytest.mark.parametrize(
    "command", ["FETCH 1 FLAGS", "FETCH 1 BODY[]", "STORE 1 +FLAGS (x)", "COPY 1 Sent", "MOVE 1 Sent"]
)
async def test_a_message_that_another_session_expunged(tmp_path: Path, command: str) -> None:
    async with two_sessions(tmp_path, MESSAGE) as (c, d):
        await select(d)
        await d.client("d1 STORE 1 +FLAGS (\\Deleted)", "d2 EXPUNGE")
        await d.until("d2 OK")
        for _ in range(2):
            await c.client(f"a {command}")
            await c.server("a NO [EXPUNGEISSUED] ")
        await c.client("n NOOP")
        await c.server("* 1 EXPUNGE", "n OK")


@pytest.mark.parametrize("command", ['LIST "" {1000000}', "SELECT {1000000}", "APPEND x {4294967296}"])
async def test_a_literal_that_can_be_no_name_is_not_invited(tmp_path: Path, command: str) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await c.client(f"a {command}")
        await c.server("a BAD ")
        await c.client("n NOOP")
        await c.server("n OK")


async def test_object_ids_and_append_limit(tmp_path: Path) -> None:
    async with running(tmp_path) as server, selected(server, MESSAGE, MESSAGE) as c:
        await c.client("a FETCH 2 (EMAILID THREADID)")
        line = await c.server("* 2 FETCH (EMAILID (")
        assert line.endswith(" THREADID NIL)")
        await c.server("a OK")
        name = line.split("EMAILID (")[1].split(")")[0]
        await c.client(
            f"b SEARCH EMAILID {name}",
            f"c SEARCH NOT EMAILID {name}",
            "d SEARCH THREADID T1",
            "e SEARCH NOT THREADID T1",
        )
        await c.server("* SEARCH 2", "b OK", "* SEARCH 1", "c OK", "* SEARCH", "d OK", "* SEARCH 1 2", "e OK")
        await c.client("f STATUS INBOX (APPENDLIMIT)")
        await c.server("* STATUS INBOX (APPENDLIMIT NIL)", "f OK")


async def test_a_fetch_that_sets_seen_tells_the_modseq_under_condstore(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await append(c)
        await c.client("e ENABLE CONDSTORE")
        await c.until("e OK")
        await select(c)
        await c.client("a FETCH 1 BODY[TEXT]")
        told = " ".join(await c.until("a OK"))
        assert "FLAGS (\\Seen \\Recent) MODSEQ (" in told


async def test_recent_is_of_the_first_session_that_is_told(tmp_path: Path) -> None:
    async with two_sessions(tmp_path) as (c, d):
        await select(d)
        await append(c)
        await c.client("n NOOP")
        await c.until("n OK")
        await d.client("n NOOP", "f FETCH 1 FLAGS", "s STATUS INBOX (RECENT)", "r SEARCH RECENT")
        await d.server(
            "* 1 EXISTS", "* 0 RECENT", "n OK", "* 1 FETCH (FLAGS ())", "f OK", "* STATUS INBOX (RECENT 0)", "s OK"
        )
        await d.server("* SEARCH", "r OK")
        await c.client("f FETCH 1 FLAGS", "r SEARCH RECENT")
        await c.server("* 1 FETCH (FLAGS (\\Recent))", "f OK", "* SEARCH 1", "r OK")
        await append(d)
        await d.client("f FETCH 1:2 FLAGS")
        await d.server("* 1 FETCH (FLAGS ())", "* 2 FETCH (FLAGS (\\Recent))", "f OK")


@pytest.mark.parametrize("items", ["FLAGS", "(FLAGS ENVELOPE)", "(FLAGS INTERNALDATE)", "(FLAGS BODY.PEEK[TEXT])"])
async def test_a_keyword_is_announced_before_fetch_shows_it(tmp_path: Path, items: str) -> None:
    async with two_sessions(tmp_path, MESSAGE) as (c, d):
        await select(d)
        await d.client("d STORE 1 +FLAGS ($New)")
        await d.until("d OK")
        await c.client(f"a FETCH 1 {items}")
        told = await c.until("a OK")
        assert told[0] == "* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen $New)"


async def test_inbox_is_there_again_after_all_mailboxes_were_deleted(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        mailboxes = server.under_test.services.mailboxes.system
        for command, answer in (
            ("STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 0)"),
            ('LIST "" * RETURN (STATUS (MESSAGES))', '* LIST (\\HasNoChildren) "." INBOX'),
            ("SELECT INBOX", "* OK [MAILBOXID"),
        ):
            await mailboxes.delete_all(await mailboxes.list(BOB))
            await c.client(f"a {command}")
            await c.server(answer)
            await c.until("a OK")


async def test_a_mailbox_from_before_the_first_login_does_not_cost_the_default_ones(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await server.under_test.services.mailboxes.system.create(MailboxPath.personal(BOB, "Projects"))
        await log_in(c)
        await c.client('a LIST "" *')
        names = {line.split()[-1] for line in await c.until("a OK")}
        assert {"INBOX", "Projects", "Sent", "Drafts", "Trash"} <= names


async def test_idle_repeats_an_exists_that_came_within_a_fetch(tmp_path: Path) -> None:
    async with two_sessions(tmp_path, MESSAGE) as (c, d):
        await append(d)
        await c.client("a UID FETCH 1 FLAGS")
        await c.server("* 1 FETCH", "* 2 EXISTS", "* 2 RECENT", "a OK")
        await c.client("i IDLE")
        await c.server("+ Idling", "* 2 EXISTS")
        await c.client("DONE")
        await c.server("i OK")
        await c.client("j IDLE", "DONE", "k NOOP")
        await c.server("+ Idling", "j OK", "k OK")


async def test_codes_tell_why_a_mailbox_command_fails(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        for command, code in (
            ("CREATE Sent", "ALREADYEXISTS"),
            ("RENAME Sent Drafts", "ALREADYEXISTS"),
            ("RENAME Nowhere There", "NONEXISTENT"),
            ("DELETE Nowhere", "NONEXISTENT"),
            ("SELECT Nowhere", "NONEXISTENT"),
            ("STATUS Nowhere (MESSAGES)", "NONEXISTENT"),
            ("SUBSCRIBE Nowhere", "NONEXISTENT"),
            ("DELETE INBOX", "CANNOT"),
            ("RENAME Sent Sent.Below", "CANNOT"),
        ):
            await c.client(f"a {command}")
            await c.server(f"a NO [{code}] ")


async def test_only_subscribed_names_are_told_and_their_parents_where_they_must_be(tmp_path: Path) -> None:
    async with running(tmp_path) as server, logged_in(server) as c:
        await c.client("a CREATE a.b", "b UNSUBSCRIBE a", "c SUBSCRIBE a.b")
        await c.server("a OK", "b OK", "c OK")
        await c.client('d LIST (SUBSCRIBED) "" "a*"')
        await c.server('* LIST (\\HasNoChildren \\Subscribed) "." a.b', "d OK")
        await c.client('e LIST (SUBSCRIBED RECURSIVEMATCH) "" "a"')
        assert await c.line() == '* LIST (\\HasChildren) "." a ("CHILDINFO" ("SUBSCRIBED"))'
        await c.server("e OK")
        await c.client('f LSUB "" "a*"', 'g LSUB "" "a%"')
        await c.server('* LSUB () "." a.b', "f OK", '* LSUB (\\Noselect) "." a', "g OK")


@pytest.mark.parametrize("moment", ["31-Dec-9999 23:59:59 -1200", " 1-Jan-0001 00:00:00 +0100"])
async def test_a_date_that_has_no_year_of_four_digits_in_utc_is_refused(tmp_path: Path, moment: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        await c.octets(b'a APPEND INBOX "%b" {3+}\r\nx\r\n\r\n' % moment.encode())
        await c.server("a BAD APPEND failed. Illegal arguments.")
        await c.octets(b'b APPEND INBOX "31-Dec-9999 23:59:59 +0000" {3+}\r\nx\r\n\r\n')
        await c.until("b OK")
        await c.client("c SELECT INBOX")
        await c.until("c OK")
        await c.client("d FETCH 1 INTERNALDATE")
        await c.server('* 1 FETCH (INTERNALDATE "31-Dec-9999 23:59:59 +0000")')
