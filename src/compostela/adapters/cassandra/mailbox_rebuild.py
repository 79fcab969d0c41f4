"""Writes the pages of a mailbox anew where its log tells that they are wrong: see `core.mailbox.log_and_pages.rebuild` for how that goes
beside normal work."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compostela.adapters.cassandra.mailbox_contents import SIDE_BY_SIDE
from compostela.adapters.cassandra.mailbox_log import pause
from compostela.adapters.cassandra.mailbox_pages import PAGES_OF_A_READ
from compostela.adapters.cassandra.mailbox_publisher import Publishers
from compostela.adapters.cassandra.mailbox_replay import PART_UIDS, Replayed, ReplayedPart, replay, replay_part
from compostela.adapters.cassandra.mailbox_states import TRIES, MailboxTables
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.errors import TemporaryFailure
from compostela.core.mailbox.log_and_pages.planning import Plan
from compostela.core.mailbox.log_and_pages.projection import Place
from compostela.core.mailbox.log_and_pages.rebuild import Mended, Rebuild, mended, plan_end, plan_rebuild
from compostela.core.mailbox.log_and_pages.replay import Difference
from compostela.core.mailbox.log_and_pages.state import MailboxState

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Repaired:
    """What was found, what was done, and what differs still."""

    found: Replayed = field(default_factory=Replayed)
    restored: int = 0
    corrected: int = 0
    removed: int = 0
    left: list[Difference] = field(default_factory=list)


class MailboxRebuild:
    def __init__(self, tables: MailboxTables, publishers: Publishers, clock: Clock) -> None:
        self._tables = tables
        self._publishers = publishers
        self._clock = clock

    async def repair(self, mailbox: str) -> Repaired:
        """May be cut off and begun again. Raises `NotFound` and `TemporaryFailure`."""
        _, head = await self._tables.log.head(mailbox)
        repaired = Repaired()
        for first in range(0, head.uid_next, PART_UIDS):
            part = await replay_part(self._tables, mailbox, first)
            repaired.found.add(part.found)
            if part.found.differences:
                await self._repair(mailbox, first, part, repaired)
        if repaired.found.differences:
            repaired.left = (await replay(self._tables, mailbox)).differences
        return repaired

    async def _repair(self, mailbox: str, first: int, part: ReplayedPart, repaired: Repaired) -> None:
        written: set[int] = set()
        for _ in range(TRIES):
            pages = [page for page in await self._mended(mailbox, part) if page.number not in written]
            if not pages:
                return
            pages = pages[:PAGES_OF_A_READ]
            if await self._write(mailbox, pages):
                # what Cassandra shows no longer is what was written if someone deleted it at a later time: it is not tried again
                written.update(page.number for page in pages)
                repaired.restored += sum(len(page.restored) for page in pages)
                repaired.corrected += sum(len(page.corrected) for page in pages)
                repaired.removed += sum(len(page.removed) for page in pages)
            else:
                await pause()
            part = await replay_part(self._tables, mailbox, first)
        raise TemporaryFailure("the mailbox changes too fast to be repaired")

    async def _mended(self, mailbox: str, part: ReplayedPart) -> list[Mended]:
        """Messages whose content is gone are not brought back."""
        log = part.replay
        if log is None:
            return []
        pages = await asyncio.to_thread(lambda: [one for page in part.pages if (one := mended(log, page)) is not None])
        restored = {uid: message for page in pages for uid, message in page.restored.items()}
        gone = await self._without_content(mailbox, restored)
        if not gone:
            return pages
        return [one for page in part.pages if (one := mended(log, page, gone)) is not None]

    async def _without_content(self, mailbox: str, messages: Mapping[int, bytes]) -> set[int]:
        # as before a copy: from now on a collection does not take them for garbage
        await self._tables.messages.intend(messages.values(), mailbox, int(self._clock.now()))
        uids = list(messages)
        notes = await side_by_side(uids, lambda uid: self._tables.messages.notes(messages[uid]), SIDE_BY_SIDE)
        return {uid for uid, found in zip(uids, notes, strict=True) if found is None}

    async def _write(self, mailbox: str, pages: Sequence[Mended]) -> bool:
        """False if others changed too much meanwhile."""

        def begin(state: MailboxState, token: bytes) -> tuple[Rebuild | None, Plan | None]:
            return plan_rebuild(state, token, pages)

        rebuild = await self._publishers.change(mailbox, lambda _: {}, begin)
        if rebuild is None:
            return False
        places = [
            Place(message, uid, rebuild.modseq, is_gone=False)
            for page in pages
            for uid, message in page.restored.items()
        ]
        await self._tables.messages.place(mailbox, places)
        await self._tables.pages.write(mailbox, rebuild.pages)

        def end(state: MailboxState, token: bytes) -> tuple[bool, Plan | None]:
            return plan_end(state, token, rebuild, pages)

        is_ended = await self._publishers.change(mailbox, lambda _: {}, end)
        if is_ended:
            _log.warning("pages of a mailbox were rebuilt", extra={"mailbox": mailbox, "pages": len(pages)})
        return is_ended
