"""What listeners read: see `compostela.core.events.ports.EventSource` for what it promises."""

from collections.abc import AsyncIterator

from compostela.adapters.cassandra.held_mailboxes import HeldMailbox, HeldMailboxTable
from compostela.adapters.cassandra.mailbox_log import pause
from compostela.adapters.cassandra.mailbox_log_pages import log_page
from compostela.adapters.cassandra.mailbox_messages import BATCH_ROWS, CassandraMessages
from compostela.adapters.cassandra.mailbox_pages import pages_in_order
from compostela.adapters.cassandra.mailbox_removal import MailboxRemoval
from compostela.adapters.cassandra.mailbox_states import TRIES, MailboxTables, OpenLog
from compostela.adapters.cassandra.mailbox_tree import MailboxTreeTable
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.events.model import FollowedMailbox
from compostela.core.mailbox.log import PAGE_ENTRIES, LogPage, TreePage
from compostela.core.mailbox.log_and_pages.state import Restart
from compostela.core.mailbox.model import Mailbox, MessageRow, StoredMessage
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid, UidValidity
from compostela.model.uid_set import UidSet
from compostela.model.username import Username


class CassandraEventSource:
    """A living mailbox is read as by all others; a deleted one from its pages and its kept log."""

    def __init__(
        self,
        messages: CassandraMessages,
        tables: MailboxTables,
        trees: MailboxTreeTable,
        held: HeldMailboxTable,
        removal: MailboxRemoval,
    ) -> None:
        self._messages = messages
        self._removal = removal
        self._tables = tables
        self._trees = trees
        self._held = held

    async def read(self, mailbox: MailboxId, since: ModSeq | None, limit: int = PAGE_ENTRIES) -> FollowedMailbox | None:
        for _ in range(TRIES):
            try:
                page = await self._living_page(mailbox, since, limit)
                known = await self._named(mailbox)
            except NotFound:
                return await self._read_held(mailbox, since, limit)
            if known is not None:
                return FollowedMailbox(known, page, is_deleted=False)
            # its name is gone, its log goes in a moment; if the node that deletes it has died this one goes on
            await self._go_on_removing(mailbox)
            await pause()
        raise TemporaryFailure("a mailbox has no name: its deletion was cut off")

    async def _living_page(self, mailbox: MailboxId, since: ModSeq | None, limit: int) -> LogPage:
        if since is None:
            return LogPage(await self._messages.head(mailbox), [], ModSeq(0), complete=False)
        return await self._messages.log(mailbox, since, limit)

    async def _named(self, mailbox: MailboxId) -> Mailbox | None:
        """Raises `NotFound`."""
        user = Username((await self._tables.log.head(mailbox))[1].user)
        for path, stored in (await self._trees.mailboxes(user)).items():
            if stored.id == mailbox:
                return Mailbox(mailbox, path, UidValidity(stored.uid_validity))
        return None

    async def _go_on_removing(self, mailbox: MailboxId) -> None:
        try:
            user = Username((await self._tables.log.head(mailbox))[1].user)
        except NotFound:
            return
        dying = (await self._trees.dying(user)).get(mailbox)
        if dying is not None:
            self._removal.begin(user, dying)

    async def _read_held(self, mailbox: MailboxId, since: ModSeq | None, limit: int) -> FollowedMailbox | None:
        held = await self._held.find(mailbox)
        if held is None:
            return None
        return FollowedMailbox(held.outside(), await self._held_page(held, since, limit), is_deleted=True)

    async def _held_page(self, held: HeldMailbox, since: ModSeq | None, limit: int) -> LogPage:
        if since is not None and (since >= held.head.modseq or not held.is_cut):
            log = OpenLog(self._tables, held.mailbox.id)
            try:
                return await log_page(held.head, since, limit, lambda after: log.history(after, held.head))
            except Restart:
                # it was released while it was read
                pass
        return LogPage(held.head.outside(), [], since or ModSeq(0), complete=False)

    async def rows(self, mailbox: MailboxId, below: Uid) -> AsyncIterator[list[MessageRow]]:
        if below <= 1:
            return
        try:
            async for batch in self._messages.rows(mailbox, UidSet([(1, below - 1)])):
                yield batch
        except NotFound:
            held = await self._held.find(mailbox)
            if held is not None and not held.is_cut:
                async for batch in self._held_rows(held, below):
                    yield batch

    async def _held_rows(self, held: HeldMailbox, below: Uid) -> AsyncIterator[list[MessageRow]]:
        waiting: list[MessageRow] = []
        async for page in pages_in_order(
            self._tables.pages, held.mailbox.id, held.head.lowest_page, held.head.uid_next
        ):
            waiting += [page.row(uid, at) for uid, at in page.among(1, below - 1)]
            while len(waiting) >= BATCH_ROWS:
                yield waiting[:BATCH_ROWS]
                waiting = waiting[BATCH_ROWS:]
        if waiting:
            yield waiting

    async def tree(self, user: Username, since: ModSeq, limit: int = PAGE_ENTRIES) -> TreePage:
        return await self._trees.page(user, since, limit)

    async def of_user(self, user: Username) -> tuple[list[Mailbox], ModSeq]:
        for _ in range(TRIES):
            before, _ = await self._trees.head(user)
            found = await self._trees.mailboxes(user)
            after, head = await self._trees.head(user)
            if before == after:
                mailboxes = [
                    Mailbox(MailboxId(stored.id), path, UidValidity(stored.uid_validity))
                    for path, stored in sorted(found.items(), key=lambda one: (one[0].name, one[0].namespace))
                ]
                return mailboxes, ModSeq(head.modseq)
            await pause()
        raise TemporaryFailure("the user's mailboxes change too fast to be read")

    async def content(self, message: MessageId) -> StoredMessage | None:
        try:
            name = bytes.fromhex(message)
        except ValueError:
            return None
        return await self._tables.messages.read(name)
