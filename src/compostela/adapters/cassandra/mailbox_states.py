"""The states of mailboxes that a process keeps, and how they are brought up to date."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from compostela.adapters.cassandra.mailbox_contents import MessageTable
from compostela.adapters.cassandra.mailbox_log import MailboxLogTable, pause
from compostela.adapters.cassandra.mailbox_pages import KeptLogTable, KeptRow, MailboxPageTable
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.log_and_pages.entries import Entry, decode_row
from compostela.core.mailbox.log_and_pages.head import FIRST_MODSEQ, Head
from compostela.core.mailbox.log_and_pages.page import Level, MixedCells
from compostela.core.mailbox.log_and_pages.state import Hole, MailboxState, Restart, StaleState
from compostela.model.uid_set import UidSet

KEPT_MAILBOXES = 10_000
KEPT_PAGES = 4_000
"""In memory: some two million messages, 60 octets each."""
USES_BETWEEN_LOOKS = 100
"""After so many uses of a state it is looked whether there are too many."""
TRIES = 50
"""Readings of one mailbox that meet other writers and projectors, each after a short pause."""

HistoryRow = tuple[tuple[Entry, ...], bytes | None]
"""The entries of a publish, and their before-images as they are stored."""


@dataclass(frozen=True, slots=True)
class MailboxTables:
    log: MailboxLogTable
    pages: MailboxPageTable
    kept: KeptLogTable
    messages: MessageTable


class OpenLog:
    """One mailbox. `state` is shared by all readers of the process and its publisher."""

    def __init__(self, tables: MailboxTables, mailbox: str) -> None:
        self._tables = tables
        self.mailbox = mailbox
        self.state: MailboxState | None = None

    async def fresh(self) -> MailboxState:
        """The state with every change that was published before this call. Raises `NotFound`."""
        for _ in range(TRIES):
            state = self.state
            try:
                if state is None:
                    return await self._first()
                state.take(await self._tables.log.news(self.mailbox, state.head.modseq))
                if self.state is state:
                    return state
            except Restart:
                if self.state is state:
                    self.state = None
            except Hole:
                await pause()
            except NotFound:
                self.state = None
                raise
        raise TemporaryFailure("the mailbox changes too fast to be read")

    async def known(self) -> None:
        """See that there is a state, maybe an old one. Raises `NotFound`."""
        if self.state is None:
            await self.fresh()

    async def _first(self) -> MailboxState:
        state = MailboxState(await self._tables.log.newest(self.mailbox))
        if self.state is None or self.state.revision < state.revision:
            self.state = state
        return self.state

    async def load(self, wanted: Callable[[MailboxState], Mapping[int, Level]]) -> MailboxState:
        """The kept state, with all pages that `wanted` names. Until the caller awaits something, all of it is of one moment."""
        for _ in range(TRIES):
            state = self.state or await self.fresh()
            missing = {
                number: level
                for number, level in wanted(state).items()
                if number not in state.pages or state.pages[number].level < level
            }
            if not missing:
                return state
            try:
                await self._load(state, missing)
            except StaleState:
                await self.fresh()
            except MixedCells:
                await pause()
        raise TemporaryFailure("the mailbox changes too fast to be read")

    async def _load(self, state: MailboxState, missing: Mapping[int, Level]) -> None:
        state.begin_loading()
        try:
            cells = await self._tables.pages.read(self.mailbox, missing)
            for number, level in missing.items():
                state.put(number, cells.get(number), level)
        finally:
            state.end_loading()

    async def load_uids(self, uids: UidSet | None, level: Level) -> MailboxState:
        return await self.load(lambda state: dict.fromkeys(state.page_numbers(uids), level))

    async def history(self, after: int, head: Head) -> AsyncIterator[list[HistoryRow]]:
        """Rows of the log after a ModSeq and up to that of the head, in order. Raises `Restart` when they are gone."""
        at = max(after, FIRST_MODSEQ)
        if at < head.projected:
            async for kept in self._tables.kept.read(self.mailbox, at, head.projected):
                rows = [(decode_row(entry), image) for _, entry, image in kept]
                if rows[0][0][0].modseq > at + 1:
                    raise Restart
                at = kept[-1][0]
                yield rows
            if at < head.projected:
                raise Restart
        if at < head.modseq:
            yield [(decode_row(entry), image) for _, entry, image in await self.tail_with_images(at, head.modseq)]

    async def tail_with_images(self, after: int, until: int) -> list[KeptRow]:
        """Rows that are not trimmed. Raises `Restart` when they are."""
        for _ in range(TRIES):
            try:
                return await self._tables.log.with_images(self.mailbox, after, until)
            except Hole:
                if (await self.fresh()).head.floor > after:
                    raise Restart from None
                await pause()
        raise TemporaryFailure("the log of the mailbox has a hole")


class OpenLogs:
    """Those of a process; the ones used last are kept. With `keeps=False` each use begins cold."""

    def __init__(self, tables: MailboxTables, *, keeps: bool = True) -> None:
        self._tables = tables
        self._keeps = keeps
        self._logs: OrderedDict[str, OpenLog] = OrderedDict()
        self._uses = 0

    def get(self, mailbox: str) -> OpenLog:
        if not self._keeps:
            return OpenLog(self._tables, mailbox)
        log = self._logs.get(mailbox)
        if log is None:
            log = self._logs[mailbox] = OpenLog(self._tables, mailbox)
        self._logs.move_to_end(mailbox)
        self._uses += 1
        if self._uses % USES_BETWEEN_LOOKS == 0:
            self._shrink()
        return log

    def forget(self, mailbox: str) -> None:
        self._logs.pop(mailbox, None)

    def _shrink(self) -> None:
        """Forget what is over the limits; a caller that uses a log keeps it."""
        pages = sum(len(log.state.pages) for log in self._logs.values() if log.state is not None)
        while self._logs and (len(self._logs) > KEPT_MAILBOXES or (pages > KEPT_PAGES and len(self._logs) > 1)):
            _, log = self._logs.popitem(last=False)
            pages -= 0 if log.state is None else len(log.state.pages)
