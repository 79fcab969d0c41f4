"""The removal of a mailbox, in steps over several partitions.

Its name goes with a note in the user's tree that the removal has begun; the next that reads the tree goes on with it after a crash. Then
the log becomes a tombstone, after which the mailbox is not found; then places, pages and the kept log go, and at last the note.

While there are listener groups a mailbox is *held*: before its log goes, the groups are told, all of it is projected, and a row describes it.
Then the note goes, and the collection removes the rest when all groups have passed the deletion.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from compostela.adapters.cassandra.held_mailboxes import HeldMailbox, HeldMailboxTable
from compostela.adapters.cassandra.listener_news import ListenerNews
from compostela.adapters.cassandra.mailbox_log import LAST_TIMESTAMP, pause
from compostela.adapters.cassandra.mailbox_pages import PAGES_OF_A_READ
from compostela.adapters.cassandra.mailbox_projector import Projector
from compostela.adapters.cassandra.mailbox_publisher import Publishers
from compostela.adapters.cassandra.mailbox_states import TRIES, MailboxTables, OpenLogs
from compostela.adapters.cassandra.mailbox_tree import MailboxTreeTable, TreeWrite
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.log_and_pages.page import Level, Page
from compostela.core.mailbox.log_and_pages.projection import Place
from compostela.core.mailbox.log_and_pages.state import Restart
from compostela.core.mailbox.log_and_pages.tree import DyingMailbox, TreeHead
from compostela.model.numbers import MailboxId
from compostela.model.username import Username

_log = logging.getLogger(__name__)


RELEASES_AT_ONCE = 8
HELD_SECONDS = 7 * 86400.0
"""How long what was deleted is held for listener groups at most."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What is needed to hold deleted mailboxes for listener groups."""

    news: ListenerNews
    table: HeldMailboxTable
    projector: Projector
    clock: Clock


class MailboxRemoval:
    """`removed` is called when a mailbox is no longer found."""

    def __init__(
        self,
        tables: MailboxTables,
        tree: MailboxTreeTable,
        logs: OpenLogs,
        publishers: Publishers,
        removed: Callable[[str], None],
        holding: Holding | None = None,
    ) -> None:
        self._tables = tables
        self._tree = tree
        self._logs = logs
        self._publishers = publishers
        self._removed = removed
        self._holding = holding
        self._running: dict[str, asyncio.Task[None]] = {}

    async def bury(self, user: Username, dying: DyingMailbox) -> None:
        """After it the mailbox is not found. May be repeated."""
        mailbox = dying.mailbox.id
        for _ in range(TRIES):
            try:
                if await self._bury(user, dying):
                    break
            except NotFound:
                break
            except Restart:
                # another node projected it
                self._logs.forget(mailbox)
            await pause()
        else:
            raise TemporaryFailure("other nodes write to the mailbox too fast")
        self._logs.forget(mailbox)
        self._publishers.forget(mailbox)
        self._removed(mailbox)

    async def _bury(self, user: Username, dying: DyingMailbox) -> bool:
        """Return False if it has changed meanwhile."""
        mailbox, holding = dying.mailbox.id, self._holding
        until = None
        if holding is not None and await holding.news.mailbox_ends(mailbox):
            log = self._logs.get(mailbox)
            await log.fresh()
            until = await holding.projector.project(self._publishers, log)
        revision, head = await self._tables.log.head(mailbox)
        if holding is not None and until is not None:
            if head.modseq != until:
                return False
            head = msgspec.structs.replace(head, projected=until)
            held = HeldMailbox(dying.mailbox, user.value, dying.path, head, int(holding.clock.now()))
            await holding.table.hold(held, revision)
        return await self._tables.log.bury(mailbox, revision)

    async def release_all(self, seconds: float = HELD_SECONDS) -> None:
        """Remove what is held and all groups have passed. May be cut off and begun again. Raises `TemporaryFailure`."""
        if self._holding is not None:
            async for page in self._holding.table.all():
                await side_by_side(page, lambda held: self.release(held, seconds), RELEASES_AT_ONCE)

    async def release(self, mailbox: HeldMailbox, seconds: float = HELD_SECONDS) -> None:
        """Remove a held mailbox if all groups have passed its deletion; after `seconds` its messages and log in any case."""
        holding, name = self._holding, MailboxId(mailbox.mailbox.id)
        assert holding is not None
        groups = await holding.news.groups.all()
        is_noted = any(await side_by_side(groups, lambda known: holding.news.is_noted(known.id, name)))
        if not is_noted or (holding.clock.now() - mailbox.deleted_at > seconds and not mailbox.is_cut):
            await self._purge(name, mailbox.head.modseq)
            await (holding.table.cut(mailbox) if is_noted else holding.table.release(name))

    def begin(self, user: Username, dying: DyingMailbox) -> None:
        """Remove the rest, unless that is going on."""
        mailbox = dying.mailbox.id
        if mailbox not in self._running:
            task = asyncio.create_task(self._run(user, dying))
            self._running[mailbox] = task
            task.add_done_callback(lambda _: self._running.pop(mailbox, None))

    async def close(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _run(self, user: Username, dying: DyingMailbox) -> None:
        mailbox = dying.mailbox.id
        try:
            await self.finish(user, dying)
        except TemporaryFailure as error:
            # the note in the tree stays: the next that reads it goes on
            _log.warning("a deleted mailbox could not be removed: mailbox=%s error=%s", mailbox, error)
        except Exception:
            _log.exception("a deleted mailbox could not be removed: mailbox=%s", mailbox)

    async def finish(self, user: Username, dying: DyingMailbox) -> None:
        """Remove all that is left, or leave it to the collection. May be repeated."""
        await self.bury(user, dying)
        mailbox = dying.mailbox.id
        if self._holding is None or await self._holding.table.find(mailbox) is None:
            await self._purge(mailbox)

        async def plan(head: TreeHead) -> TreeWrite | None:
            return TreeWrite(head, dead=mailbox) if mailbox in await self._tree.dying(user) else None

        await self._tree.change(user, plan)

    async def _purge(self, mailbox: str, until: int = 0) -> None:
        """`until`: the highest ModSeq, if it is known apart from the pages."""
        last_page, last_modseq = await self._displace(mailbox)
        await self._tables.pages.purge(mailbox, last_page)
        await self._tables.kept.purge(mailbox, 0, max(last_modseq, until))

    async def _displace(self, mailbox: str) -> tuple[int, int]:
        """Removes the places of messages by walking the pages; returns the last page and the highest ModSeq that they show."""
        first = last_page = last_modseq = 0
        while True:
            wanted = dict.fromkeys(range(first, first + PAGES_OF_A_READ), Level.FACTS)
            found = await self._tables.pages.read(mailbox, wanted)
            for number, cells in sorted(found.items()):
                last_page, last_modseq = number, max(last_modseq, cells.version)
                page = Page.decoded(number, cells, Level.FACTS)
                gone = [
                    Place(page.ids[at], uid, LAST_TIMESTAMP, is_gone=True)
                    for start, end in page.ranges()
                    for uid, at in page.among(start, end)
                ]
                await self._tables.messages.place(mailbox, gone)
            first += PAGES_OF_A_READ
            if not found:
                # a page that was once written stays, if empty
                return last_page, last_modseq
