"""Pages that were damaged in Cassandra are written anew from the log, also while other nodes write and after a repair that was cut off."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from compostela.adapters.cassandra.consistency_tasks import CompareLogsTask
from compostela.adapters.cassandra.mailbox_log import MailboxLogTable
from compostela.adapters.cassandra.mailbox_projector import ProjectionSettings
from compostela.adapters.cassandra.mailbox_rebuild import Repaired
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.session import CassandraSession, Request
from compostela.core.mailbox.consistency import CompareLogs, CompareMode
from compostela.core.mailbox.log import Change
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.page import Cells, Page
from compostela.core.mailbox.log_and_pages.replay import DifferenceKind
from compostela.core.mailbox.model import MessageRow
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId, Uid
from tests.contracts.distance import Eventually
from tests.contracts.mailbox_parts import DELETED, FLAGGED, SEEN, a_mailbox, fill, message, rows_of, uids
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession, Send
from tests.distributed.cassandra_mailboxes import Mode, a_store, bodies, collect_all, mailboxes, mode
from tests.distributed.task_runs import run_task

__all__ = ["bodies", "mailboxes", "mode"]

OFTEN = ProjectionSettings(every=4, tell_after_seconds=0.0, trim_every=4)
COLUMNS = "version, uids, flags, facts"
# how long nodes write beside a repair
SECONDS = 30.0


@pytest.fixture
async def cold(session: FaultySession, bodies: Bodies) -> AsyncIterator[CassandraMailboxes]:
    """Another node, which reads what Cassandra has."""
    store = a_store(session, bodies, Mode(keeps_states=False))
    yield store
    await store.close()


async def stored(session: CassandraSession, mailbox: MailboxId) -> dict[int, Cells]:
    rows = await session.rows(f"SELECT page, {COLUMNS} FROM mailbox_page WHERE mailbox = ? AND bucket = 0", mailbox)
    return {number: Cells(*cells) for number, *cells in rows}


async def head_of(session: CassandraSession, mailbox: MailboxId) -> Head:
    return (await MailboxLogTable(session).head(mailbox))[1]


async def lose(session: CassandraSession, mailbox: MailboxId, number: int = 0) -> None:
    """A page that was never written."""
    version = (await stored(session, mailbox))[number].version
    lost = "DELETE FROM mailbox_page USING TIMESTAMP ? WHERE mailbox = ? AND bucket = 0 AND page = ?"
    await session.write(lost, version, mailbox, number)


async def spoil(session: CassandraSession, mailbox: MailboxId, rows: list[MessageRow]) -> None:
    """The page of a projector that had a wrong state: it has these messages. The log has changes that the page has not, since of two
    writes at one time Cassandra takes the greater octets."""
    version = (await head_of(session, mailbox)).modseq
    cells = Page.of(0, version, rows).cells(with_facts=True)
    await session.write(
        f"INSERT INTO mailbox_page (mailbox, bucket, page, {COLUMNS}) VALUES (?, 0, 0, ?, ?, ?, ?) USING TIMESTAMP ?",
        *(mailbox, cells.version, cells.uids, cells.flags, cells.facts, version),
    )
    assert (await stored(session, mailbox))[0] == cells


def facts(rows: list[MessageRow]) -> list[tuple[Any, ...]]:
    """All but the ModSeqs."""
    return [tuple(row._replace(modseq=row.uid)) for row in rows]


async def is_sound(store: CassandraMailboxes, mailbox: MailboxId) -> bool:
    return not (await store.consistency.compare_log(mailbox)).differences


async def with_mails(store: CassandraMailboxes) -> MailboxId:
    """Three messages of five, in the pages; the log has more."""
    mailbox = await a_mailbox(store)
    await fill(store, mailbox, NO_FLAGS, SEEN, DELETED, NO_FLAGS, SEEN)
    await store.remove(mailbox, uids(4, 5))
    await collect_all(store)
    await change(store, mailbox)
    return mailbox


async def change(store: CassandraMailboxes, mailbox: MailboxId) -> None:
    """ModSeqs that no page has yet."""
    await store.store_flags(mailbox, uids(2), FlagsMode.ADD, FLAGGED)
    await store.store_flags(mailbox, uids(2), FlagsMode.REMOVE, FLAGGED)


async def test_a_lost_page_is_written_anew(
    session: FaultySession, mailboxes: CassandraMailboxes, cold: CassandraMailboxes
) -> None:
    mailbox = await with_mails(mailboxes)
    right, head = await rows_of(cold, mailbox), await cold.head(mailbox)
    await lose(session, mailbox)
    assert await rows_of(cold, mailbox) == []
    reported = await run_task(CompareLogsTask(cold.consistency), CompareLogs())
    assert (reported["differencesCount"], reported["restoredMessages"]) == (3, 0)
    assert await rows_of(cold, mailbox) == []
    repaired = await run_task(CompareLogsTask(cold.consistency), CompareLogs(CompareMode.REPAIR))
    assert (repaired["differencesCount"], repaired["restoredMessages"]) == (3, 3)
    assert (repaired["remainingDifferencesCount"], repaired["failedMailboxes"]) == (0, [])
    assert repaired["runningOptions"] == {"mode": "repair"}
    for store in (cold, mailboxes):
        assert facts(await rows_of(store, mailbox)) == facts(right)
        assert await is_sound(store, mailbox)
        assert (await store.head(mailbox)).messages == head.messages


async def test_wrong_flags_and_messages_that_went_are_put_right_and_told(
    session: FaultySession, mailboxes: CassandraMailboxes, cold: CassandraMailboxes
) -> None:
    mailbox = await with_mails(mailboxes)
    right, head = await rows_of(cold, mailbox), await cold.head(mailbox)
    ghost = right[0]._replace(uid=Uid(4), flags=SEEN)
    await spoil(session, mailbox, [right[0], right[1]._replace(flags=DELETED), right[2], ghost])
    assert len(await rows_of(cold, mailbox)) == 4
    repaired = await cold.consistency.repair_log(mailbox)
    assert (repaired.restored, repaired.corrected, repaired.removed, repaired.left) == (0, 1, 1, [])
    told = await mailboxes.log(mailbox, head.highest_modseq, 100)
    assert [(one.change, one.uid, one.flags) for one in told.entries] == [
        (Change.FLAGS_UPDATED, 2, SEEN),
        (Change.EXPUNGED, 4, SEEN),
    ]
    for store in (cold, mailboxes):
        assert facts(await rows_of(store, mailbox)) == facts(right)
        assert await is_sound(store, mailbox)
    after = await cold.head(mailbox)
    assert replace(after, highest_modseq=head.highest_modseq) == head
    assert (await rows_of(cold, mailbox))[1].modseq == told.entries[0].modseq
    # and again when projectors have written the pages
    await mailboxes.append(mailbox, [message()])
    await collect_all(mailboxes)
    assert await is_sound(cold, mailbox)


async def test_a_node_that_has_the_wrong_page_in_memory_reads_it_anew(
    session: FaultySession, bodies: Bodies, mailboxes: CassandraMailboxes
) -> None:
    mailbox = await with_mails(mailboxes)
    right = await rows_of(mailboxes, mailbox)
    await spoil(session, mailbox, right[:1])
    elsewhere = a_store(session, bodies, Mode(OFTEN))
    assert await rows_of(elsewhere, mailbox) == right[:1]
    await mailboxes.consistency.repair_log(mailbox)
    for _ in range(10):
        await elsewhere.store_flags(mailbox, uids(1), FlagsMode.ADD, SEEN)
        await elsewhere.store_flags(mailbox, uids(1), FlagsMode.REMOVE, SEEN)
    await collect_all(elsewhere)
    await elsewhere.close()
    assert await is_sound(mailboxes, mailbox)
    assert facts(await rows_of(mailboxes, mailbox)) == facts(right)


class Cut(Exception):
    """The node dies."""


class Deadly:
    """Ends the repair at its first write to a table, after the first publish or at the second."""

    def __init__(self, at: str) -> None:
        self._at = at
        self._publishes = 0

    async def __call__(self, request: Request, send: Send) -> Any:
        text = request.statements[0].text
        self._publishes += text.startswith("UPDATE mailbox_log")
        is_there = {
            "page": "INTO mailbox_page" in text,
            "place": self._publishes == 1 and text.startswith("INSERT INTO message "),
            "end": self._publishes == 2,
        }
        if is_there[self._at]:
            raise Cut
        return await send(request)


@pytest.mark.parametrize("at", ["page", "place", "end"])
async def test_a_repair_that_is_cut_off_is_done_again(
    session: FaultySession, bodies: Bodies, mailboxes: CassandraMailboxes, cold: CassandraMailboxes, at: str
) -> None:
    mailbox = await with_mails(mailboxes)
    right = await rows_of(cold, mailbox)
    await lose(session, mailbox)
    own = await FaultySession.open(session.settings)
    dying = a_store(own, bodies, Mode())
    own.faults.fault = Deadly(at)
    with pytest.raises(Cut):
        await dying.consistency.repair_log(mailbox)
    await own.close()
    assert (await head_of(session, mailbox)).rebuilding
    # whatever others do, it goes on
    await mailboxes.append(mailbox, [message()])
    if at == "page":
        await collect_all(mailboxes)
        assert not (await head_of(session, mailbox)).rebuilding
    found = await cold.consistency.repair_log(mailbox)
    assert found.left == []
    assert facts((await rows_of(cold, mailbox))[:3]) == facts(right)
    assert facts(await rows_of(mailboxes, mailbox)) == facts(await rows_of(cold, mailbox))
    assert len(await rows_of(cold, mailbox)) == 4
    assert await is_sound(cold, mailbox)


async def test_what_was_deleted_at_a_later_time_is_reported_as_left(
    session: FaultySession, mailboxes: CassandraMailboxes
) -> None:
    mailbox = await with_mails(mailboxes)
    lost = "DELETE FROM mailbox_page USING TIMESTAMP ? WHERE mailbox = ? AND bucket = 0"
    await session.write(lost, 10**6, mailbox)
    repaired = await mailboxes.consistency.repair_log(mailbox)
    assert [(one.uid, one.kind) for one in repaired.left] == [(uid, DifferenceKind.MISSING) for uid in (1, 2, 3)]


async def test_a_message_whose_content_is_gone_is_not_brought_back(
    session: FaultySession, mailboxes: CassandraMailboxes, cold: CassandraMailboxes
) -> None:
    mailbox = await with_mails(mailboxes)
    right = await rows_of(mailboxes, mailbox)
    await lose(session, mailbox)
    await session.write("DELETE FROM message USING TIMESTAMP 5 WHERE message = ?", bytes.fromhex(right[1].message_id))
    repaired = await cold.consistency.repair_log(mailbox)
    assert [(one.uid, one.kind) for one in repaired.left] == [(2, DifferenceKind.MISSING)]
    assert facts(await rows_of(cold, mailbox)) == facts([right[0], right[2]])


async def test_messages_that_a_cut_log_does_not_name_stay(
    session: FaultySession, bodies: Bodies, eventually: Eventually
) -> None:
    settings = ProjectionSettings(every=1, tell_after_seconds=0.0, trim_every=1, kept_changes=100, kept_seconds=-1.0)
    store = a_store(session, bodies, Mode(settings))
    mailbox = await a_mailbox(store)
    await fill(store, mailbox, NO_FLAGS, SEEN, NO_FLAGS)
    for step in range(400):
        await store.store_flags(mailbox, uids(2), FlagsMode.ADD if step % 2 else FlagsMode.REMOVE, SEEN)

    async def is_cut() -> bool:
        return (await head_of(session, mailbox)).kept_from == 255

    await eventually(is_cut)
    await collect_all(store)
    await store.close()
    cold = a_store(session, bodies, Mode(keeps_states=False))
    await change(cold, mailbox)
    right = await rows_of(cold, mailbox)
    await spoil(session, mailbox, [right[0]._replace(flags=DELETED), right[1]._replace(flags=DELETED)])
    repaired = await cold.consistency.repair_log(mailbox)
    assert (repaired.corrected, repaired.restored, repaired.left) == (1, 0, [])
    assert facts(await rows_of(cold, mailbox)) == facts([right[0]._replace(flags=DELETED), right[1]])
    await cold.close()


async def test_no_change_is_lost_while_nodes_write(session: FaultySession, bodies: Bodies) -> None:
    projection = ProjectionSettings(every=16, tell_after_seconds=0.0, trim_every=16)
    stores = [a_store(session, bodies, Mode(projection)) for _ in range(2)]
    cold = a_store(session, bodies, Mode(keeps_states=False))
    mailbox = await a_mailbox(stores[0])
    await fill(stores[0], mailbox, *[NO_FLAGS] * 20)
    expected = dict.fromkeys(range(1, 21), NO_FLAGS)
    found: list[Repaired] = []
    is_over = False

    def is_restored() -> bool:
        """A projector may write a lost page again before it is repaired."""
        return any(one.restored for one in found)

    async def work(store: CassandraMailboxes, of: int) -> None:
        """Each node has the messages with its remainder. While a page is lost, a call may find none of them: then it says so."""
        mine, step = [uid for uid in range(1, 21) if uid % 2 == of], 0
        while not repairing.done() and (step < 60 or not is_restored()):
            (appended,) = await store.append(mailbox, [message()])
            expected[appended.uid] = NO_FLAGS
            uid = mine[step % len(mine)]
            given = DELETED if step % 3 else SEEN
            told = await store.store_flags(mailbox, uids(uid), FlagsMode.REPLACE, given)
            if told.updated:
                expected[uid] = given
            if step % 4 == 0 and await store.remove(mailbox, uids(appended.uid)):
                del expected[appended.uid]
            step += 1

    async def repair() -> None:
        while not is_over:
            if 0 in await stored(session, mailbox):
                await lose(session, mailbox)
            found.append(await cold.consistency.repair_log(mailbox))

    repairing = asyncio.create_task(repair())
    try:
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(work(store, of) for of, store in enumerate(stores)))
    finally:
        is_over = True
        await repairing
    assert is_restored()
    await collect_all(stores[0])
    last = await cold.consistency.repair_log(mailbox)
    assert last.left == []
    for store in (cold, *stores):
        assert {row.uid: row.flags for row in await rows_of(store, mailbox)} == expected
    assert (await cold.head(mailbox)).messages == len(expected)
    for store in (cold, *stores):
        await store.close()
