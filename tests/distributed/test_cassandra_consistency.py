"""The tasks that compare what Cassandra has twice: they find nothing in sound data, and mend what is spoiled by hand."""

import asyncio
from typing import Any

import msgspec
import pytest

from compostela.adapters.cassandra.consistency_tasks import repairs
from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.mailbox_projector import ProjectionSettings
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.rewriting import CassandraRewriting
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.mailbox.consistency import (
    COMPARE_LOGS,
    RECOMPUTE_COUNTERS,
    SOLVE_FLAGS,
    SOLVE_MAILBOXES,
    SOLVE_MAPPINGS,
    SOLVE_MESSAGES,
    CompareLogs,
    CountedFlag,
    RecomputeCounters,
    SolveFlags,
    SolveMailboxes,
    SolveMappings,
    SolveMessages,
)
from compostela.core.mailbox.log_and_pages.head import decode_head, encode_head
from compostela.core.mailbox.model import MailboxHead
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.tasks.model import Json
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import MailboxId
from tests.contracts.distance import Eventually
from tests.contracts.mailbox_parts import BOB, DELETED, SEEN, a_mailbox, fill, message, rows_of, uids
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Mode, a_store, bodies, collect_all, mailboxes, mode
from tests.distributed.task_runs import run_task

__all__ = ["bodies", "mailboxes", "mode"]

ALL: list[tuple[str, object]] = [
    (SOLVE_MAILBOXES, SolveMailboxes(max_iterations=3)),
    (RECOMPUTE_COUNTERS, RecomputeCounters()),
    (SOLVE_FLAGS, SolveFlags(CountedFlag.DELETED)),
    (SOLVE_FLAGS, SolveFlags(CountedFlag.RECENT)),
    (SOLVE_MESSAGES, SolveMessages(1_000_000)),
    (SOLVE_MAPPINGS, SolveMappings()),
    (COMPARE_LOGS, CompareLogs()),
]
ALIAS = Mapping(MappingType.ALIAS, "bob@example.org")


class Cluster:
    """A store with mails, and the tasks on it."""

    def __init__(self, session: FaultySession, mailboxes: CassandraMailboxes) -> None:
        self.session = session
        self.mailboxes = mailboxes
        self.rewriting = CassandraRewriting(session, Lookups())
        self._runners = {runner.name: runner for runner in repairs(mailboxes.consistency, self.rewriting)}

    async def run(self, name: str, arguments: object) -> Json:
        return await run_task(self._runners[name], arguments)

    async def run_all(self) -> list[tuple[str, Json]]:
        return [(name, await self.run(name, arguments)) for name, arguments in ALL]

    async def project(self) -> None:
        """The pages and places show everything."""
        await collect_all(self.mailboxes)


@pytest.fixture
def cluster(session: FaultySession, mailboxes: CassandraMailboxes) -> Cluster:
    return Cluster(session, mailboxes)


async def heads_of(session: CassandraSession) -> list[tuple[Any, ...]]:
    return sorted(await session.rows("SELECT DISTINCT mailbox, revision, head FROM mailbox_log"))


async def heads_outside(cluster: Cluster) -> list[MailboxHead]:
    mailboxes = await cluster.mailboxes.of_user(BOB)
    return list((await cluster.mailboxes.heads([one.id for one in mailboxes])).values())


async def places_of(session: CassandraSession) -> set[tuple[Any, ...]]:
    return set(await session.rows("SELECT message, mailbox, uid FROM message"))


async def with_mails(cluster: Cluster) -> MailboxId:
    """INBOX with three messages of five, a copy elsewhere, a deleted mailbox, and mappings."""
    store = cluster.mailboxes
    mailbox, other, gone = await a_mailbox(store), await a_mailbox(store, "other"), await a_mailbox(store, "gone")
    await fill(store, mailbox, NO_FLAGS, SEEN, DELETED, NO_FLAGS, SEEN)
    await store.copy(mailbox, uids(1, 2), other)
    await store.remove(mailbox, uids(4, 5))
    await store.append(gone, [message()])
    await store.delete(gone)
    await cluster.rewriting.add(MappingSource.of_address(MailAddress.parse("info@example.org")), ALIAS)
    return mailbox


async def test_sound_data_is_left_as_it_is(cluster: Cluster) -> None:
    await with_mails(cluster)
    for is_projected in (False, True):
        if is_projected:
            await cluster.project()
        before = await heads_of(cluster.session), await places_of(cluster.session)
        found = dict(await cluster.run_all())
        assert found[SOLVE_MAILBOXES]["fixedInconsistencies"] == 0
        assert found[SOLVE_MAILBOXES]["processedMailboxPathEntries"] == 2
        assert found[RECOMPUTE_COUNTERS] == {
            "processedMailboxes": 2,
            "failedMailboxes": [],
            "runningOptions": {"trustMessageProjection": False},
        }
        assert found[SOLVE_FLAGS] == {"processedMailboxEntries": 2, "errors": [], "targetFlag": "RECENT"}
        assert found[SOLVE_MESSAGES]["processedImapUidEntries"] == 5
        assert found[SOLVE_MESSAGES]["fixedInconsistencies"] == found[SOLVE_MESSAGES]["errors"] == []
        assert found[SOLVE_MAPPINGS] == {"successfulMappingsCount": 2, "errorMappingsCount": 0}
        compared = found[COMPARE_LOGS]
        assert (compared["processedMailboxes"], compared["comparedMessages"]) == (2, 5)
        assert compared["replayedChanges"] == sum(head.highest_modseq - 1 for head in await heads_outside(cluster))
        assert compared["differencesCount"] == 0
        assert compared["differences"] == compared["failedMailboxes"] == []
        assert (await heads_of(cluster.session), await places_of(cluster.session)) == before


async def spoil_head(cluster: Cluster, mailbox: MailboxId, **counters: int) -> None:
    """As if a counter had been wrong for ever: no process knows the right one."""
    revision, head = (await cluster.session.rows("SELECT revision, head FROM mailbox_log WHERE mailbox = ?", mailbox))[
        0
    ]
    spoiled = encode_head(msgspec.structs.replace(decode_head(head), **counters))
    await cluster.session.write_if(
        "UPDATE mailbox_log SET revision = ?, head = ? WHERE mailbox = ? IF revision = ?",
        *(revision + 1, spoiled, mailbox, revision),
    )


async def test_wrong_counters_are_counted_anew(cluster: Cluster) -> None:
    mailbox = await with_mails(cluster)
    right = await cluster.mailboxes.head(mailbox)
    assert (right.messages, right.unseen, right.deleted, right.recent) == (3, 2, 1, 3)
    await spoil_head(cluster, mailbox, messages=0, unseen=9, size=1, deleted_size=0, deleted=7, recent=8)
    await cluster.run(SOLVE_FLAGS, SolveFlags(CountedFlag.DELETED))
    mended = await cluster.mailboxes.head(mailbox)
    assert (mended.deleted, mended.messages, mended.recent) == (1, 0, 8)
    await cluster.run(SOLVE_FLAGS, SolveFlags(CountedFlag.RECENT))
    assert (await cluster.mailboxes.head(mailbox)).recent == 3
    await cluster.run(RECOMPUTE_COUNTERS, RecomputeCounters())
    assert await cluster.mailboxes.head(mailbox) == right


async def test_a_mailbox_without_a_name_gets_one_and_an_empty_one_goes(cluster: Cluster) -> None:
    full, empty = await a_mailbox(cluster.mailboxes), await a_mailbox(cluster.mailboxes, "empty")
    await cluster.mailboxes.append(full, [message()])
    await cluster.session.change_schema("TRUNCATE mailbox_tree")
    found = await cluster.run(SOLVE_MAILBOXES, SolveMailboxes(max_iterations=5))
    assert found["fixedInconsistencies"] == 2
    (restored,) = await cluster.mailboxes.of_user(BOB)
    assert (restored.id, restored.path.name) == (full, f"Restored-{full}")
    assert await cluster.mailboxes.heads([empty]) == {}
    assert (await cluster.run(SOLVE_MAILBOXES, SolveMailboxes()))["fixedInconsistencies"] == 0


async def test_a_name_without_a_mailbox_goes(cluster: Cluster) -> None:
    await a_mailbox(cluster.mailboxes)
    await cluster.session.change_schema("TRUNCATE mailbox_log")
    assert (await cluster.run(SOLVE_MAILBOXES, SolveMailboxes()))["fixedInconsistencies"] == 1
    assert await cluster.mailboxes.of_user(BOB) == []


async def test_missing_places_are_noted_and_stale_ones_go(cluster: Cluster) -> None:
    mailbox = await with_mails(cluster)
    await cluster.project()
    right = await places_of(cluster.session)
    row = (await rows_of(cluster.mailboxes, mailbox))[0]
    name = bytes.fromhex(row.message_id)
    stale = "INSERT INTO message (message, mailbox, uid) VALUES (?, ?, 99) USING TIMESTAMP 2"
    await cluster.session.write(stale, name, mailbox)
    # a deletion at the place's own timestamp: a place that was never written
    lost = "DELETE FROM message USING TIMESTAMP ? WHERE message = ? AND mailbox = ? AND uid = ?"
    await cluster.session.write(lost, 2, name, mailbox, row.uid)
    assert (name, mailbox, row.uid) not in await places_of(cluster.session)
    await cluster.mailboxes.store_flags(mailbox, uids(row.uid), FlagsMode.ADD, SEEN)
    await cluster.project()
    found = await cluster.run(SOLVE_MESSAGES, SolveMessages(1_000_000))
    assert (found["addedMessageIdEntries"], found["removedMessageIdEntries"]) == (1, 1)
    assert found["fixedInconsistencies"] == [
        {"mailboxId": mailbox, "messageId": row.message_id, "uid": row.uid},
        {"mailboxId": mailbox, "messageId": row.message_id, "uid": 99},
    ]
    assert await places_of(cluster.session) == right


async def test_a_missing_reverse_row_of_a_mapping_is_written(cluster: Cluster) -> None:
    source = MappingSource.of_address(MailAddress.parse("info@example.org"))
    await cluster.rewriting.add(source, ALIAS)
    await cluster.session.change_schema("TRUNCATE mapping_source")
    assert [one async for one in cluster.rewriting.sources(ALIAS)] == []
    await cluster.run(SOLVE_MAPPINGS, SolveMappings())
    assert [one async for batch in cluster.rewriting.sources(ALIAS) for one in batch] == [source]


async def differences(cluster: Cluster, mailbox: MailboxId) -> list[tuple[int, str]]:
    found = await cluster.run(COMPARE_LOGS, CompareLogs())
    listed = found["differences"]
    assert isinstance(listed, list)
    assert found["differencesCount"] == len(listed)
    assert found["failedMailboxes"] == []
    assert {one["mailboxId"] for one in listed} <= {mailbox}
    return [(one["uid"], one["kind"]) for one in listed]


async def test_messages_that_a_page_has_lost_are_reported(cluster: Cluster) -> None:
    mailbox = await with_mails(cluster)
    await cluster.project()
    assert await differences(cluster, mailbox) == []
    lost = "DELETE FROM mailbox_page USING TIMESTAMP ? WHERE mailbox = ? AND bucket = 0"
    await cluster.session.write(lost, 10**6, mailbox)
    assert await differences(cluster, mailbox) == [(1, "missing"), (2, "missing"), (3, "missing")]
    # the process that keeps the page in memory still shows it
    assert len(await rows_of(cluster.mailboxes, mailbox)) == 3


async def test_a_page_that_missed_a_change_is_reported(cluster: Cluster) -> None:
    mailbox = await with_mails(cluster)
    await cluster.project()
    columns = "version, uids, flags, facts"
    ((*before,),) = await cluster.session.rows(
        f"SELECT {columns} FROM mailbox_page WHERE mailbox = ? AND bucket = 0", mailbox
    )
    await cluster.mailboxes.store_flags(mailbox, uids(2), FlagsMode.ADD, DELETED)
    await cluster.mailboxes.remove(mailbox, uids(1))
    await cluster.mailboxes.append(mailbox, [message()])
    await cluster.project()
    assert await differences(cluster, mailbox) == []
    await cluster.session.write(
        f"INSERT INTO mailbox_page (mailbox, bucket, page, {columns}) VALUES (?, 0, 0, ?, ?, ?, ?) USING TIMESTAMP ?",
        *(mailbox, *before, 10**6),
    )
    assert await differences(cluster, mailbox) == [(1, "unexpected"), (2, "different"), (6, "missing")]


async def test_a_hole_in_the_kept_log_is_reported(cluster: Cluster) -> None:
    mailbox = await with_mails(cluster)
    await cluster.project()
    lost = "DELETE FROM mailbox_kept_log USING TIMESTAMP ? WHERE mailbox = ? AND bucket = 0 AND modseq = ?"
    await cluster.session.write(lost, 10**6, mailbox, 3)
    assert (0, "hole") in await differences(cluster, mailbox)
    await cluster.session.write(lost, 10**6, mailbox, 2)
    assert await differences(cluster, mailbox) == [(0, "hole")], "it lacks its beginning"


async def test_a_log_that_was_cut_is_compared_as_far_as_it_goes(
    session: FaultySession, bodies: Bodies, eventually: Eventually
) -> None:
    settings = ProjectionSettings(every=1, tell_after_seconds=0.0, trim_every=1, kept_changes=100, kept_seconds=-1.0)
    store = a_store(session, bodies, Mode(settings))
    cluster = Cluster(session, store)
    mailbox = await a_mailbox(store)
    await fill(store, mailbox, NO_FLAGS, SEEN, NO_FLAGS)
    for step in range(400):
        await store.store_flags(mailbox, uids(2), FlagsMode.ADD if step % 2 else FlagsMode.REMOVE, SEEN)

    async def is_cut() -> bool:
        return decode_head((await heads_of(session))[0][2]).kept_from == 255

    await eventually(is_cut)
    found = await cluster.run(COMPARE_LOGS, CompareLogs())
    assert (found["differencesCount"], found["failedMailboxes"]) == (0, [])
    assert (found["comparedMessages"], 0 < found["replayedChanges"] < 400) == (3, True)
    await store.close()


async def test_mailboxes_at_work_are_compared(session: FaultySession, bodies: Bodies) -> None:
    store = a_store(session, bodies, Mode(ProjectionSettings(every=4, tell_after_seconds=0.0, trim_every=4)))
    cluster = Cluster(session, store)
    mailbox = await a_mailbox(store)
    is_over = False

    async def work() -> None:
        for step in range(150):
            await store.append(mailbox, [message()])
            await store.store_flags(mailbox, uids(step), FlagsMode.ADD, SEEN)
            await store.remove(mailbox, uids(step - 20))
        nonlocal is_over
        is_over = True

    working = asyncio.create_task(work())
    comparisons = 0
    while not is_over:
        assert await differences(cluster, mailbox) == []
        comparisons += 1
    await working
    assert comparisons > 1
    assert await differences(cluster, mailbox) == []
    await store.close()
