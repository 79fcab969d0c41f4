"""What became of entries that come again, or that another process has in work: whether that process died of them."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from compostela.adapters.cassandra.queue_calls import Calls
from compostela.adapters.cassandra.queue_hand import Waiting
from compostela.adapters.cassandra.queue_nodes import Nodes
from compostela.adapters.cassandra.queue_rows import Facts, Note, QueueRows
from compostela.adapters.cassandra.queue_turns import SUSPECT_DEATHS
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)

ASK_SECONDS = 0.2
"""How often a node asks whether another one, which has an entry in work, is alive."""


class Asking:
    """The entries of one queue that were handed to this process and whose fate is not known yet. While the process that has one in work
    is alive, the entry stays here; its message goes to another process if this one dies."""

    def __init__(
        self, rows: QueueRows, nodes: Nodes, calls: Calls, complaints: Complaints, known: Callable[[Waiting], None]
    ) -> None:
        """`known` takes an entry that may be handed out."""
        self._rows = rows
        self._nodes = nodes
        self._calls = calls
        self._complaints = complaints
        self._known = known
        self._open: dict[EntryId, Waiting] = {}
        self._is_asking = False

    def get(self, entry: EntryId) -> Waiting | None:
        return self._open.get(entry)

    def add(self, waiting: Waiting) -> None:
        self._open[waiting.entry] = waiting
        if not self._is_asking:
            self._is_asking = True
            self._calls.later(self._ask())

    def clear(self) -> None:
        self._open.clear()

    async def _ask(self) -> None:
        try:
            while self._open:
                await asyncio.sleep(ASK_SECONDS)
                await self._ask_once()
        finally:
            self._is_asking = False

    async def _ask_once(self) -> None:
        is_one_open = False
        for waiting in sorted(self._open.values(), key=lambda one: (one.message.ready_at, one.entry)):
            try:
                is_known = await self._is_known(waiting, is_one_open=is_one_open)
            except TemporaryFailure as error:
                self._complaints.error("it cannot be found out what became of an entry", error, entry=waiting.entry)
                is_known = False
            is_one_open |= not is_known

    async def _is_known(self, waiting: Waiting, *, is_one_open: bool) -> bool:
        """Whether it is known what became of an entry. Raises `TemporaryFailure`."""
        entry = waiting.entry
        row = await self._rows.look(entry)
        if row is None or row.facts.published != waiting.message.revision:
            self._close(waiting)
            await waiting.handed.ack()
            return True
        holder, facts = row.holder, row.facts
        is_elsewhere = holder is not None and holder.node != self._nodes.own
        if is_one_open and facts.deaths + is_elsewhere >= SUSPECT_DEATHS:
            # suspects keep their order: the one that may be to blame comes first
            return False
        if holder is not None and is_elsewhere:
            if await self._nodes.is_alive(holder.node):
                return False
            facts = died(entry, facts, holder)
            if not await self._rows.change(entry, row.revision, facts):
                return False
        if self._close(waiting):
            waiting.message = msgspec.structs.replace(
                waiting.message, deaths=facts.deaths, deaths_alone=facts.deaths_alone
            )
            self._known(waiting)
        return True

    def _close(self, waiting: Waiting) -> bool:
        """False if the broker has given it to another meanwhile."""
        if self._open.get(waiting.entry) is not waiting:
            return False
        del self._open[waiting.entry]
        return True


def died(entry: EntryId, facts: Facts, holder: Note) -> Facts:
    """The facts of an entry whose process died while it was in work."""
    _log.warning("a process died with a mail in work", extra={"entry": entry, "node": holder.node})
    return msgspec.structs.replace(facts, deaths=facts.deaths + 1, deaths_alone=facts.deaths_alone + holder.is_alone)
