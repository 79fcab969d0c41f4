"""The removal of a mailbox, in steps over several partitions.

Its name goes with a note in the user's tree that the removal has begun; whoever reads the tree goes on with it after a crash. Then the
log becomes a tombstone, after which the mailbox is not found; then places, pages and the kept log go, and at last the note.
"""

import asyncio
import logging
from collections.abc import Callable

from compostela.adapters.cassandra.mailbox_log import pause
from compostela.adapters.cassandra.mailbox_pages import LAST_TIMESTAMP, PAGES_OF_A_READ
from compostela.adapters.cassandra.mailbox_states import TRIES, MailboxTables, OpenLogs
from compostela.adapters.cassandra.mailbox_tree import MailboxTreeTable, TreeWrite
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.log_and_pages.page import Level, Page
from compostela.core.mailbox.log_and_pages.projection import Place
from compostela.core.mailbox.log_and_pages.tree import TreeHead
from compostela.model.username import Username

_log = logging.getLogger(__name__)


class MailboxRemoval:
    """`removed` is called when a mailbox is no longer found."""

    def __init__(
        self, tables: MailboxTables, tree: MailboxTreeTable, logs: OpenLogs, removed: Callable[[str], None]
    ) -> None:
        self._tables = tables
        self._tree = tree
        self._logs = logs
        self._removed = removed
        self._running: dict[str, asyncio.Task[None]] = {}

    async def bury(self, mailbox: str) -> None:
        """After it the mailbox is not found. May be repeated."""
        for _ in range(TRIES):
            try:
                revision, _ = await self._tables.log.head(mailbox)
            except NotFound:
                break
            if await self._tables.log.bury(mailbox, revision):
                break
            await pause()
        else:
            raise TemporaryFailure("other nodes write to the mailbox too fast")
        self._logs.forget(mailbox)
        self._removed(mailbox)

    def begin(self, user: Username, mailbox: str) -> None:
        """Remove the rest, unless that is going on."""
        if mailbox not in self._running:
            task = asyncio.create_task(self._run(user, mailbox))
            self._running[mailbox] = task
            task.add_done_callback(lambda _: self._running.pop(mailbox, None))

    async def close(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _run(self, user: Username, mailbox: str) -> None:
        try:
            await self.finish(user, mailbox)
        except TemporaryFailure as error:
            # the note in the tree stays: the next that reads it goes on
            _log.warning("a deleted mailbox could not be removed: mailbox=%s error=%s", mailbox, error)
        except Exception:
            _log.exception("a deleted mailbox could not be removed: mailbox=%s", mailbox)

    async def finish(self, user: Username, mailbox: str) -> None:
        """Remove all that is left. May be repeated."""
        await self.bury(mailbox)
        last_page, last_modseq = await self._displace(mailbox)
        await self._tables.pages.purge(mailbox, last_page)
        await self._tables.kept.purge(mailbox, 0, last_modseq)

        async def plan(head: TreeHead) -> TreeWrite | None:
            return TreeWrite(head, dead=mailbox) if mailbox in await self._tree.dying(user) else None

        await self._tree.change(user, plan)

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
