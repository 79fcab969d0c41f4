"""What administrators see of an embedded queue, and how they rule it: list, delete, hold, release, flush.

A held row has the owner `HELD`, so no process hands it out or claims it. A row that is released or flushed has no owner: the
processes that consume the queue are told, and one of them claims it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection

from compostela.adapters.embedded.effects import forget
from compostela.adapters.embedded.queue_memory import QueueMemory
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.shared_marks import SharedMark
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.core.mail import codec as mail_codec
from compostela.core.queue.model import EVERYTHING, QueuedMail, Selection
from compostela.model.numbers import EntryId

HELD = "held"
"""The owner of held rows; those of processes are longer."""
BATCH = 1000
"""Entries that are changed in one transaction."""

FORGET_DEATHS = "DELETE FROM queue_death WHERE id = ?"
_BROWSE = """SELECT id, entry, owner, name, sender, recipients, enqueued_at, due_at, size, mail FROM queue_entry
    WHERE queue = ? AND id > ? ORDER BY id LIMIT ?"""
_HOLD = f"UPDATE queue_entry SET owner = '{HELD}' WHERE id = ? AND owner <> '{HELD}'"
_RELEASE = f"UPDATE queue_entry SET owner = '' WHERE id = ? AND owner = '{HELD}'"
_FLUSH = f"UPDATE queue_entry SET owner = '', due_at = 0 WHERE id = ? AND due_at > ? AND owner <> '{HELD}'"
_FLUSH_ALL = f"UPDATE queue_entry SET due_at = 0 WHERE queue = ? AND due_at > ? AND owner <> '{HELD}'"


def flush_topic(queue: str) -> str:
    """Tells all processes that every delayed row of the queue is ready."""
    return f"flush:{queue}"


def offer_topic(queue: str) -> str:
    """Tells the processes that consume the queue that there are rows without owner."""
    return f"offer:{queue}"


Change = Callable[[Transaction, int, QueuedMail], bool]
"""Changes a row; False if there was nothing to change."""


class QueueRule:
    """Belongs to one queue of a process."""

    def __init__(
        self,
        name: str,
        writer: Writer,
        reader: Reader,
        signals: Signals,
        clock: Clock,
        mark: SharedMark,
        memory: QueueMemory,
    ) -> None:
        self._name = name
        self._writer = writer
        self._reader = reader
        self._signals = signals
        self._clock = clock
        self._mark = mark
        self._memory = memory

    async def batches(self, count: int = BATCH) -> AsyncIterator[list[tuple[int, QueuedMail]]]:
        """The entries with their rows, in the order in which they were enqueued. Others have their turn between two batches."""
        last = 0
        while batch := self._batch(last, count):
            last = batch[-1][0]
            yield batch
            await asyncio.sleep(0)

    def _batch(self, after: int, count: int) -> list[tuple[int, QueuedMail]]:
        now = self._clock.now()
        rows = self._reader.execute(_BROWSE, (self._name, after, count)).fetchall()
        return [(row_id, _queued_mail(*rest, now=now)) for row_id, *rest in rows]

    async def delete(self, chosen: Selection) -> int:
        def remove(tx: Transaction, row_id: int, mail: QueuedMail) -> bool:
            is_removed = _did(tx, "DELETE FROM queue_entry WHERE id = ?", row_id)
            tx.execute(FORGET_DEATHS, (row_id,))
            forget(tx, mail.entry)
            return is_removed

        return await self._change(chosen, remove)

    async def hold(self, chosen: Selection) -> int:
        return await self._change(chosen, lambda tx, row_id, _: _did(tx, _HOLD, row_id))

    async def release(self, chosen: Selection) -> int:
        released = await self._change(chosen, lambda tx, row_id, _: _did(tx, _RELEASE, row_id))
        self._signals.publish(offer_topic(self._name))
        return released

    async def flush(self, chosen: Selection) -> int:
        now = self._clock.now()
        if chosen == EVERYTHING:
            return await self._writer.run(lambda tx: self._flush_all(tx, now), frees_space=True, is_long=True)
        flushed = await self._change(chosen, lambda tx, row_id, _: _did(tx, _FLUSH, row_id, now))
        self._signals.publish(offer_topic(self._name))
        return flushed

    def _flush_all(self, tx: Transaction, now: float) -> int:
        tx.execute(_FLUSH_ALL, (self._name, now))
        tx.after_commit.append(lambda: self._signals.publish(flush_topic(self._name)))
        return tx.connection.changes()

    async def _change(self, chosen: Selection, change: Change) -> int:
        """Changes the chosen rows, and takes those that did change out of the memory of this process. The mark tells the others."""
        changed = 0
        async for batch in self.batches():
            rows = [(row_id, mail) for row_id, mail in batch if chosen.fits(mail)]
            if rows:
                changed += await self._change_batch(rows, change)
        return changed

    async def _change_batch(self, rows: Collection[tuple[int, QueuedMail]], change: Change) -> int:
        def job(tx: Transaction) -> int:
            self._mark.change()
            # there, not after the call: a caller that is cancelled would not wait for the commit
            tx.after_commit.append(self._mark.change)
            changed = {row_id for row_id, mail in rows if change(tx, row_id, mail)}
            tx.after_commit.append(lambda: self._memory.drop(lambda waiting: waiting.row_id in changed))
            return len(changed)

        return await self._writer.run(job, frees_space=True, is_long=True)


def _did(tx: Transaction, statement: str, *values: int | float) -> bool:
    """Whether the statement changed a row."""
    tx.execute(statement, values)
    return tx.connection.changes() > 0


def _queued_mail(
    entry: str,
    owner: str,
    name: str,
    sender: str | None,
    recipients: str,
    enqueued_at: float,
    due_at: float,
    size: int,
    mail: bytes,
    *,
    now: float,
) -> QueuedMail:
    failures, last_error = mail_codec.failures_of(mail)
    return QueuedMail(
        entry=EntryId(entry),
        name=name,
        sender=None if sender is None else mail_codec.address_of(sender),
        recipients=tuple(mail_codec.address_of(one) for one in recipients.split("\n") if one),
        enqueued_at=enqueued_at,
        next_delivery_at=due_at if due_at > now else None,
        size=size,
        failures=failures,
        last_error=last_error,
        is_held=owner == HELD,
    )
