"""The tasks that compare what Cassandra has twice: they find nothing in sound data, and mend what is spoiled by hand."""

import uuid
from typing import Any

import msgspec
import pytest

from compostela.adapters.cassandra.consistency_tasks import repairs
from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.rewriting import CassandraRewriting
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.mailbox.consistency import (
    RECOMPUTE_COUNTERS,
    SOLVE_FLAGS,
    SOLVE_MAILBOXES,
    SOLVE_MAPPINGS,
    SOLVE_MESSAGES,
    CountedFlag,
    RecomputeCounters,
    SolveFlags,
    SolveMailboxes,
    SolveMappings,
    SolveMessages,
)
from compostela.core.mailbox.log_and_pages.head import decode_head, encode_head
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.tasks.model import Json, TaskState
from compostela.core.tasks.runner import TaskContext
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import MailboxId
from tests.contracts.mailbox_parts import BOB, DELETED, SEEN, a_mailbox, fill, message, rows_of, uids
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import bodies, collect_all, mailboxes, mode

__all__ = ["bodies", "mailboxes", "mode"]

ALL: list[tuple[str, object]] = [
    (SOLVE_MAILBOXES, SolveMailboxes(max_iterations=3)),
    (RECOMPUTE_COUNTERS, RecomputeCounters()),
    (SOLVE_FLAGS, SolveFlags(CountedFlag.DELETED)),
    (SOLVE_FLAGS, SolveFlags(CountedFlag.RECENT)),
    (SOLVE_MESSAGES, SolveMessages(1_000_000)),
    (SOLVE_MAPPINGS, SolveMappings()),
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
        async def save(state: TaskState) -> None:
            pass

        context = TaskContext(uuid.uuid4(), TaskState(None, {}, 0.0), lambda: 0.0, save)
        await self._runners[name].run(arguments, context)
        return context.state.information

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
