"""Mailboxes as names in a user's tree, and subscriptions: see the ports for what they promise."""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from compostela.adapters.cassandra.listener_news import ListenerNews
from compostela.adapters.cassandra.mailbox_log import MailboxLogTable, pause
from compostela.adapters.cassandra.mailbox_publisher import CONFLICTS, Publishers
from compostela.adapters.cassandra.mailbox_removal import MailboxRemoval
from compostela.adapters.cassandra.mailbox_tree import MailboxTreeTable, TreeWrite
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.errors import AlreadyExists, NotFound, TemporaryFailure
from compostela.core.mailbox.log import PAGE_ENTRIES, TreeChange, TreePage
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.planning import Plan
from compostela.core.mailbox.log_and_pages.state import MailboxState
from compostela.core.mailbox.log_and_pages.tree import (
    DyingMailbox,
    StoredMailbox,
    Taken,
    TreeHead,
    change_of,
    plan_renames,
)
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.ports import NotEmpty
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, ModSeq, UidValidity
from compostela.model.username import Username

_log = logging.getLogger(__name__)

Renames = Sequence[tuple[MailboxId, MailboxPath]]


class CassandraHierarchy:
    def __init__(
        self,
        log: MailboxLogTable,
        tree: MailboxTreeTable,
        publishers: Publishers,
        removal: MailboxRemoval,
        clock: Clock,
        news: ListenerNews | None = None,
    ) -> None:
        self._log_table = log
        self._tree = tree
        self._publishers = publishers
        self._removal = removal
        self._clock = clock
        self._news = news

    async def create(self, path: MailboxPath) -> Mailbox:
        if await self.find(path) is not None:
            raise AlreadyExists(f"the mailbox {path.name} exists")
        mailbox = uuid.uuid4().hex
        stored = StoredMailbox(mailbox, 0)
        if self._news is not None:
            await self._news.mailbox_is_made(mailbox)
        await self._log_table.create(mailbox, Head(path.user.value))

        async def plan(head: TreeHead) -> TreeWrite:
            nonlocal stored
            if await self._tree.find(path) is not None:
                raise AlreadyExists(f"the mailbox {path.name} exists")
            stored = StoredMailbox(mailbox, head.next_validity(self._clock.now()))
            return TreeWrite(
                msgspec.structs.replace(head, last_validity=stored.uid_validity),
                [change_of(TreeChange.CREATED, mailbox, path)],
                {path: stored},
            )

        try:
            await self._tree.change(path.user, plan)
        except AlreadyExists:
            await self._log_table.bury(mailbox, 1)
            raise
        return _mailbox(path, stored)

    async def find(self, path: MailboxPath) -> Mailbox | None:
        found = await self._tree.find(path)
        if found is not None and found.ends_at:
            await self._settle(path.user, found)
            found = await self._tree.find(path)
        return None if found is None else _mailbox(path, found)

    async def of_user(self, user: Username) -> list[Mailbox]:
        found, dying = await asyncio.gather(self._tree.mailboxes(user), self._tree.dying(user))
        ending = [mailbox for mailbox in found.values() if mailbox.ends_at]
        if ending:
            for mailbox in ending:
                await self._settle(user, mailbox)
            found, dying = await asyncio.gather(self._tree.mailboxes(user), self._tree.dying(user))
        for one in dying.values():
            self._removal.begin(user, one)
        return [_mailbox(path, found[path]) for path in sorted(found, key=lambda path: (path.name, path.namespace))]

    async def rename(self, renames: Renames) -> None:
        heads = await side_by_side([mailbox for mailbox, _ in renames], self._log_table.head)
        kept: dict[Username, list[tuple[MailboxId, MailboxPath]]] = defaultdict(list)
        given: dict[tuple[Username, Username], list[tuple[MailboxId, MailboxPath]]] = defaultdict(list)
        for (mailbox, path), (_, head) in zip(renames, heads, strict=True):
            owner = Username(head.user)
            if owner == path.user:
                kept[owner].append((mailbox, path))
            else:
                given[owner, path.user].append((mailbox, path))
        for user, ours in kept.items():
            await self._rename(user, ours)
        for (owner, other), theirs in given.items():
            await self._give(owner, other, theirs)

    async def _rename(self, user: Username, renames: Renames) -> None:
        async def plan(head: TreeHead) -> TreeWrite | None:
            known = await self._tree.mailboxes(user)
            try:
                inserted, gone, changes = plan_renames(known, renames)
            except KeyError as error:
                raise NotFound("the mailbox is gone") from error
            except Taken as error:
                raise AlreadyExists(f"the mailbox {error.path.name} exists") from error
            return TreeWrite(head, changes, inserted, gone) if changes else None

        await self._tree.change(user, plan)

    async def _give(self, owner: Username, other: Username, renames: Renames) -> None:
        """Into the new owner's tree first: a crash leaves the mailboxes in both trees, never in none."""
        known = {mailbox.id: (path, mailbox) for path, mailbox in (await self._tree.mailboxes(owner)).items()}
        if not all(mailbox in known for mailbox, _ in renames):
            raise NotFound("the mailbox is gone")

        async def come(head: TreeHead) -> TreeWrite | None:
            theirs = await self._tree.mailboxes(other)
            came = {path: known[mailbox][1] for mailbox, path in renames}
            for path, mailbox in came.items():
                if path in theirs and theirs[path] != mailbox:
                    raise AlreadyExists(f"the mailbox {path.name} exists")
            came = {path: mailbox for path, mailbox in came.items() if path not in theirs}
            changes = [change_of(TreeChange.CREATED, mailbox.id, path) for path, mailbox in came.items()]
            validity = max([head.last_validity, *(mailbox.uid_validity for mailbox in came.values())])
            head = msgspec.structs.replace(head, last_validity=validity)
            return TreeWrite(head, changes, came) if came else None

        async def go(head: TreeHead) -> TreeWrite | None:
            ours = {mailbox.id: path for path, mailbox in (await self._tree.mailboxes(owner)).items()}
            gone = [(mailbox, ours[mailbox]) for mailbox, _ in renames if mailbox in ours]
            changes = [change_of(TreeChange.DELETED, mailbox, path) for mailbox, path in gone]
            return TreeWrite(head, changes, gone=[path for _, path in gone]) if gone else None

        def own(state: MailboxState, _token: bytes) -> tuple[None, Plan | None]:
            if state.head.is_closed:
                raise NotFound("the mailbox is gone")
            if state.head.user == other.value:
                return None, None
            return None, Plan(msgspec.structs.replace(state.head, user=other.value))

        await self._tree.change(other, come)
        for mailbox, _ in renames:
            await self._publishers.change(mailbox, lambda _: {}, own)
        await self._tree.change(owner, go)

    async def delete(self, mailbox: MailboxId, *, only_empty: bool = False) -> None:
        _, found = await self._log_table.head(mailbox)
        user = Username(found.user)
        if not only_empty:
            await self._remove_mailbox(user, mailbox)
            return
        # a reader that finds the mark may do each step first
        with suppress(NotFound):
            await self._close_if_empty(user, mailbox)
            await self._remove_mailbox(user, mailbox)

    async def _close_if_empty(self, user: Username, mailbox: MailboxId) -> None:
        """Close an empty mailbox: no message can be added to it any more. The row of the name notes it first, so that after a crash
        the next process that reads the name goes on. Raises `NotEmpty`."""
        for _ in range(CONFLICTS):
            revision, head = await self._log_table.head(mailbox)
            if head.is_closed:
                return
            if head.messages:
                raise NotEmpty("the mailbox holds messages")
            # a higher mark is of one that read the log later: then it cannot be closed at this revision, and the mark stays
            await self._mark(user, mailbox, partial(max, revision))
            if await self._close_log(mailbox, revision):
                return
            await self._unmark(user, mailbox, revision)
            await pause()
        raise TemporaryFailure("other nodes write to the mailbox too fast")

    async def _close_log(self, mailbox: MailboxId, revision: int) -> bool:
        """Close the log by the publish that follows `revision`; False if another follows it. Raises `NotFound`."""

        def close(state: MailboxState, _token: bytes) -> tuple[bool, Plan | None]:
            if state.head.is_closed or state.revision != revision:
                return state.head.is_closed, None
            return True, Plan(msgspec.structs.replace(state.head, is_closed=True))

        return await self._publishers.change(mailbox, lambda _: {}, close)

    async def _settle(self, user: Username, found: StoredMailbox) -> None:
        """Bring a deletion to its end that another call has begun, maybe of a node that died."""
        mailbox = MailboxId(found.id)
        try:
            is_closed = await self._close_log(mailbox, found.ends_at)
        except NotFound:
            is_closed = True
        if not is_closed:
            await self._unmark(user, mailbox, found.ends_at)
            return
        with suppress(NotFound):
            await self._remove_mailbox(user, mailbox)

    async def _unmark(self, user: Username, mailbox: MailboxId, revision: int) -> None:
        """The log has another publish after `revision`, so that it is never closed by this one."""
        await self._mark(user, mailbox, lambda mark: 0 if mark == revision else mark)

    async def _mark(self, user: Username, mailbox: MailboxId, marked: Callable[[int], int]) -> None:
        async def plan(head: TreeHead) -> TreeWrite | None:
            for path, known in (await self._tree.mailboxes(user)).items():
                mark = marked(known.ends_at)
                if known.id == mailbox and mark != known.ends_at:
                    return TreeWrite(head, mailboxes={path: msgspec.structs.replace(known, ends_at=mark)})
            return None

        await self._tree.change(user, plan)

    async def _remove_mailbox(self, user: Username, mailbox: MailboxId) -> None:
        dying: DyingMailbox | None = None

        async def plan(head: TreeHead) -> TreeWrite | None:
            nonlocal dying
            for path, known in (await self._tree.mailboxes(user)).items():
                if known.id == mailbox:
                    dying = DyingMailbox(known, (path.namespace, path.name))
                    return TreeWrite(head, [change_of(TreeChange.DELETED, mailbox, path)], gone=[path], dying=dying)
            return None

        await self._tree.change(user, plan)
        is_known = dying is not None
        if dying is None:
            # its removal has begun, or it was made without a name
            nameless = DyingMailbox(StoredMailbox(mailbox, 0), ("", ""))
            dying = (await self._tree.dying(user)).get(mailbox, nameless)
        try:
            await self._removal.bury(user, dying)
        except TemporaryFailure:
            # the name is gone; the next that reads the tree goes on
            _log.exception("the messages of a deleted mailbox could not be removed: mailbox=%s", mailbox)
        self._removal.begin(user, dying)
        if not is_known:
            raise NotFound("the mailbox is gone")

    async def tree(self, user: Username, since: ModSeq, limit: int = PAGE_ENTRIES) -> TreePage:
        return await self._tree.page(user, since, limit)


class CassandraSubscriptions:
    def __init__(self, tree: MailboxTreeTable) -> None:
        self._subscription_tree = tree

    async def subscribe(self, user: Username, name: str) -> None:
        async def plan(head: TreeHead) -> TreeWrite | None:
            if await self._subscription_tree.is_subscribed(user, name):
                return None
            change = change_of(TreeChange.SUBSCRIBED, "", MailboxPath.personal(user, name))
            return TreeWrite(head, [change], subscribe=name)

        await self._subscription_tree.change(user, plan)

    async def unsubscribe(self, user: Username, name: str) -> None:
        async def plan(head: TreeHead) -> TreeWrite | None:
            if not await self._subscription_tree.is_subscribed(user, name):
                return None
            change = change_of(TreeChange.UNSUBSCRIBED, "", MailboxPath.personal(user, name))
            return TreeWrite(head, [change], unsubscribe=name)

        await self._subscription_tree.change(user, plan)

    async def subscriptions(self, user: Username) -> list[str]:
        return await self._subscription_tree.subscriptions(user)


def _mailbox(path: MailboxPath, stored: StoredMailbox) -> Mailbox:
    return Mailbox(MailboxId(stored.id), path, UidValidity(stored.uid_validity))
