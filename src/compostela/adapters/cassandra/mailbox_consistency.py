"""Compares what Cassandra has twice about mailboxes, and mends it.

The truth is the log of a mailbox with its pages, which are compared with each other too. Kept beside it: the counters of the head, the name in the user's tree, the places
in the rows of messages. Mailboxes at work may be compared too: counters are compared in one moment, names are looked up again before
they count as wrong, and places only where the pages show all changes.
"""

from dataclasses import dataclass, field

import msgspec

from compostela.adapters.cassandra.mailbox_contents import SIDE_BY_SIDE
from compostela.adapters.cassandra.mailbox_messages import CassandraMessages
from compostela.adapters.cassandra.mailbox_publisher import Publishers
from compostela.adapters.cassandra.mailbox_rebuild import MailboxRebuild, Repaired
from compostela.adapters.cassandra.mailbox_removal import MailboxRemoval
from compostela.adapters.cassandra.mailbox_replay import Replayed, replay
from compostela.adapters.cassandra.mailbox_states import MailboxTables
from compostela.adapters.cassandra.mailbox_tree import MailboxTreeTable, TreeWrite
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound
from compostela.core.mailbox.log import TreeChange
from compostela.core.mailbox.log_and_pages.counting import all_pages, recounted
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.planning import Plan
from compostela.core.mailbox.log_and_pages.projection import Place
from compostela.core.mailbox.log_and_pages.state import MailboxState
from compostela.core.mailbox.log_and_pages.tree import DyingMailbox, StoredMailbox, TreeHead, change_of
from compostela.core.mailbox.model import MessageRow
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId
from compostela.model.uid_set import UidSet
from compostela.model.username import Username

RESTORED = "Restored"
"""The beginning of the name that a mailbox without one gets; its id follows."""
COUNTERS = ("messages", "unseen", "deleted", "size", "deleted_size", "recent", "keywords", "lowest_page")


@dataclass(frozen=True, slots=True)
class NamesFound:
    """What was wrong with names: ids that got a name or were removed, names that were dropped, and ids in the tree of a user
    whose they are not, with that user."""

    mended: list[str] = field(default_factory=list)
    conflicting: list[tuple[str, str]] = field(default_factory=list)
    looked: int = 0


@dataclass(slots=True)
class PlacesFound:
    messages: int = 0
    missing: list[tuple[str, int]] = field(default_factory=list)
    """Message and UID: the place was written."""
    stale: list[tuple[str, str, int]] = field(default_factory=list)
    """Message, mailbox and UID: the place was removed."""


class MailboxConsistency:
    """Each call may be repeated and raises `TemporaryFailure`."""

    def __init__(
        self,
        tables: MailboxTables,
        tree: MailboxTreeTable,
        publishers: Publishers,
        removal: MailboxRemoval,
        messages: CassandraMessages,
        clock: Clock,
    ) -> None:
        self._tables = tables
        self._tree = tree
        self._publishers = publishers
        self._removal = removal
        self._messages = messages
        self._clock = clock

    async def mailboxes(self, after: str, limit: int) -> tuple[list[str], str | None]:
        """At most `limit` mailboxes after one, in the order of the partitions, and where to go on, None after the last."""
        heads, last = await self._tables.log.heads(after, limit)
        return [mailbox for mailbox, _ in heads], last

    async def users(self, after: str, limit: int) -> tuple[list[Username], str | None]:
        """At most `limit` users with mailboxes after one, as `mailboxes`."""
        return await self._tree.users(after, limit)

    # counters

    async def recount(self, mailbox: str, counters: tuple[str, ...] = COUNTERS) -> bool:
        """Count the messages, and publish the counters if the head has others. Return True if it had. Raises `NotFound`.

        All pages of the mailbox are in memory meanwhile: some 60 octets a message."""

        def plan(state: MailboxState, _token: bytes) -> tuple[bool, Plan | None]:
            right = recounted(state)
            head = msgspec.structs.replace(state.head, **{name: getattr(right, name) for name in counters})
            return head != state.head, None if head == state.head else Plan(head)

        return await self._publishers.change(mailbox, all_pages, plan)

    # the log

    async def compare_log(self, mailbox: str) -> Replayed:
        """Compare the kept log of a mailbox with its pages, and mend nothing. Raises `NotFound`."""
        return await replay(self._tables, mailbox)

    async def repair_log(self, mailbox: str) -> Repaired:
        """Compare the same, write wrong pages anew, and count the messages. Raises `NotFound`."""
        repaired = await MailboxRebuild(self._tables, self._publishers, self._clock).repair(mailbox)
        # also where nothing differs: a run before this one may have ended between both
        await self.recount(mailbox)
        return repaired

    # names

    async def check_mailbox(self, mailbox: str) -> NamesFound:
        """See that a mailbox has a name in its owner's tree. One that has none gets one, or is removed if it is empty: its creation
        was cut off."""
        found = NamesFound(looked=1)
        try:
            _, head = await self._tables.log.head(mailbox)
            if await self._has_name(mailbox, head):
                return found
            # it may have been created, given to another or removed in between
            _, head = await self._tables.log.head(mailbox)
            if await self._has_name(mailbox, head):
                return found
        except NotFound:
            return found
        found.mended.append(mailbox)
        user = Username(head.user)
        if not head.messages:
            nameless = DyingMailbox(StoredMailbox(mailbox, 0), ("", ""))
            await self._removal.finish(user, nameless)
            return found
        await self._tree.change(user, lambda tree: self._named(user, mailbox, tree))
        return found

    async def _has_name(self, mailbox: str, head: Head) -> bool:
        user = Username(head.user)
        known = await self._tree.mailboxes(user)
        return any(one.id == mailbox for one in known.values()) or mailbox in await self._tree.dying(user)

    async def _named(self, user: Username, mailbox: str, tree: TreeHead) -> TreeWrite | None:
        if any(one.id == mailbox for one in (await self._tree.mailboxes(user)).values()):
            return None
        path = MailboxPath.personal(user, f"{RESTORED}-{mailbox}")
        stored = StoredMailbox(mailbox, tree.next_validity(self._clock.now()))
        return TreeWrite(
            msgspec.structs.replace(tree, last_validity=stored.uid_validity),
            [change_of(TreeChange.CREATED, mailbox, path)],
            {path: stored},
        )

    async def check_names(self, user: Username) -> NamesFound:
        """See that each name of a user leads to a mailbox of his. A name that leads to none is dropped."""
        found = NamesFound()
        known = await self._tree.mailboxes(user)
        for path, stored in known.items():
            owner = await self._owner(stored.id)
            if owner is None and await self._drop(user, path, stored):
                found.mended.append(stored.id)
            elif owner is not None and owner != user.value:
                found.conflicting.append((stored.id, owner))
        return NamesFound(found.mended, found.conflicting, len(known))

    async def _owner(self, mailbox: str) -> str | None:
        try:
            return (await self._tables.log.head(mailbox))[1].user
        except NotFound:
            return None

    async def _drop(self, user: Username, path: MailboxPath, stored: StoredMailbox) -> bool:
        """False if the name has gone or changed meanwhile."""
        is_dropped = False

        async def plan(head: TreeHead) -> TreeWrite | None:
            nonlocal is_dropped
            is_dropped = (await self._tree.find(path)) == stored
            if not is_dropped:
                return None
            return TreeWrite(head, [change_of(TreeChange.DELETED, stored.id, path)], gone=[path])

        await self._tree.change(user, plan)
        return is_dropped

    # places

    async def check_messages(self, mailbox: str) -> PlacesFound:
        """See that each message of a mailbox has its place noted, unless no projector has come to it."""
        found = PlacesFound()
        try:
            _, head = await self._tables.log.head(mailbox)
            async for batch in self._messages.rows(MailboxId(mailbox)):
                found.messages += len(batch)
                due = [row for row in batch if row.modseq <= head.projected]
                lacking = await side_by_side(due, lambda row: self._lacks_place(mailbox, row), SIDE_BY_SIDE)
                for row, is_lacking in zip(due, lacking, strict=True):
                    if is_lacking:
                        place = Place(bytes.fromhex(row.message_id), row.uid, row.modseq, is_gone=False)
                        await self._tables.messages.place(mailbox, [place])
                        found.missing.append((row.message_id, row.uid))
        except NotFound:
            return found  # it is deleted
        return found

    async def _lacks_place(self, mailbox: str, row: MessageRow) -> bool:
        if (mailbox, row.uid) in await self._tables.messages.places(bytes.fromhex(row.message_id)):
            return False
        # it may have been expunged in between
        return await self._is_there(mailbox, row.message_id, row.uid)

    async def check_places(self, after: bytes, limit: int) -> tuple[PlacesFound, bytes | None]:
        """See that each place of at most `limit` messages after one leads to the message; also where to go on, None after the
        last."""
        found = PlacesFound()
        looked = [one async for one in self._tables.messages.all(after, limit)]
        found.messages = len(looked)
        placed = [one.message for one in looked if one.has_place]
        for message, stale in zip(placed, await side_by_side(placed, self._stale, SIDE_BY_SIDE), strict=True):
            found.stale += [(message.hex(), mailbox, uid) for mailbox, uid in stale]
        return found, looked[-1].message if len(looked) == limit else None

    async def _stale(self, message: bytes) -> list[tuple[str, int]]:
        stale = []
        for mailbox, uid in await self._tables.messages.places(message):
            if uid == 0 or await self._is_there(mailbox, message.hex(), uid):
                continue
            try:
                _, head = await self._tables.log.head(mailbox)
            except NotFound:
                continue  # its removal takes the places along
            is_projected = head.projected == head.modseq
            if is_projected and (mailbox, uid) in await self._tables.messages.places(message):
                await self._tables.messages.place(mailbox, [Place(message, uid, head.modseq, is_gone=True)])
                stale.append((mailbox, uid))
        return stale

    async def _is_there(self, mailbox: str, message: str, uid: int) -> bool:
        try:
            async for batch in self._messages.rows(MailboxId(mailbox), UidSet.of([uid])):
                return any(row.message_id == message for row in batch)
        except NotFound:
            return False
        return False
