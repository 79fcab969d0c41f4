"""Listings of flags: each form, with holes in the numbers, new messages, and keywords."""

from pathlib import Path

import pytest

from compostela.model.flags import Flags, FlagsMode
from compostela.model.mailbox_path import MailboxPath
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from compostela.testing.imap_session import MESSAGE, append, selected, two_sessions
from compostela.testing.server import running

FORMS = {
    "FLAGS": "* {number} FETCH (FLAGS ({flags}))",
    "(UID FLAGS)": "* {number} FETCH (UID {uid} FLAGS ({flags}))",
    "(FLAGS UID MODSEQ)": "* {number} FETCH (UID {uid} FLAGS ({flags}) MODSEQ ({modseq}))",
}


@pytest.mark.parametrize("items", FORMS)
async def test_a_listing_has_a_line_for_each_message(tmp_path: Path, items: str) -> None:
    async with two_sessions(tmp_path, *5 * [MESSAGE]) as (c, d):
        for number, line in enumerate(
            (
                "STORE 2,4 +FLAGS.SILENT (\\Deleted)",
                "EXPUNGE",
                "STORE 2 +FLAGS.SILENT (k1 $f)",
                "STORE 3 FLAGS.SILENT (\\Seen)",
            )
        ):
            await c.client(f"a{number} {line}")
            await c.until(f"a{number} ")
        await append(d, flags="(k2) ")
        await c.client("b NOOP")
        await c.until("b OK")
        await c.client(f"c FETCH 1,3,2,4 {items}")
        told = [line for line in await c.until("c OK") if "FETCH" in line and "OK" not in line]
        await c.client("d FETCH 1:4 (MODSEQ)")
        modseqs = [line.partition("MODSEQ (")[2].rstrip(")") for line in await c.until("d OK") if "MODSEQ (" in line]
        flags = ("\\Recent", "\\Recent $f k1", "\\Seen \\Recent", "\\Recent k2")
        assert told == [
            FORMS[items].format(number=number, uid=uid, flags=one, modseq=modseq)
            for number, uid, one, modseq in zip((1, 2, 3, 4), (1, 3, 5, 6), flags, modseqs, strict=True)
        ]


async def test_a_search_tells_flags_apart_from_rows(tmp_path: Path) -> None:
    async with two_sessions(tmp_path, *4 * [MESSAGE]) as (c, _):
        for number, line in enumerate(("STORE 1,3 +FLAGS.SILENT (\\Seen)", "STORE 3:4 +FLAGS.SILENT (k1)")):
            await c.client(f"a{number} {line}")
            await c.until(f"a{number} ")
        for number, (key, found) in enumerate({
            "SEEN": " 1 3", "UNSEEN": " 2 4", "KEYWORD k1": " 3 4", "OR SEEN KEYWORD k1": " 1 3 4", "NOT SEEN NOT KEYWORD k1": " 2",
            "SEEN 2:4": " 3", "OR SEEN 2": " 1 2 3", "NOT 1 UNSEEN": " 2 4", "RECENT SEEN": " 1 3", "NEW": " 2 4", "OLD": "",
            "OR NEW KEYWORD k1": " 2 3 4", "SEEN LARGER 1": " 1 3", "UNKEYWORD k1 UNDRAFT": " 1 2", "THREADID T1": "",
        }.items()):  # fmt: skip
            await c.client(f"b{number} SEARCH {key}")
            assert (await c.until(f"b{number} OK"))[0] == f"* SEARCH{found}", key


async def test_a_percent_sign_in_a_keyword_is_told_as_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as server, selected(server, MESSAGE) as c:
        inbox = await server.store.mailboxes.find(MailboxPath.inbox(Username.parse("bob@example.org")))
        assert inbox is not None
        # no IMAP client can make it
        flags = Flags.of(keywords=["50%d"])
        await server.store.mailboxes.store_flags(inbox.id, UidSet.of([1]), FlagsMode.ADD, flags)
        await c.client("a FETCH 1 FLAGS")
        assert "* 1 FETCH (FLAGS (\\Recent 50%d))" in await c.until("a OK")
