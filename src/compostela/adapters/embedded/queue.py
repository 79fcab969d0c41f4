"""One embedded mail queue: see `compostela.core.queue.ports` for what it promises."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.effects import QUEUED, EndedEntries, forget, recall, remember
from compostela.adapters.embedded.in_work import InWork
from compostela.adapters.embedded.isolation import Isolation
from compostela.adapters.embedded.packing import pack
from compostela.adapters.embedded.queue_memory import QueueMemory, Waiting
from compostela.adapters.embedded.queue_rule import FORGET_DEATHS, HELD, QueueRule, flush_topic, offer_topic
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.shared_marks import SharedMark
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.base.ids import new_id
from compostela.base.metrics import counter
from compostela.core.idempotency import Effect
from compostela.core.mail import codec as mail_codec
from compostela.core.mail.model import Mail
from compostela.core.queue.model import EVERYTHING, NORMAL_PRIORITY, QueuedMail, Selection
from compostela.core.queue.ports import MAX_DEATHS_ALONE, Turn
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)

BROWSE_BATCH = 200
SHORT_QUEUE = 2000
"""Fewer entries are counted on the event loop; more on a thread."""
FIRST_PAUSE_SECONDS = 1.0
"""An entry that cannot be read, or not be written back, is tried again after this time; the pause doubles each time."""
MAX_PAUSE_SECONDS = 900.0
"""The longest pause between two tries of such an entry."""

_INSERT = """INSERT INTO queue_entry (queue, entry, owner, name, priority, enqueued_at, due_at, sender, recipients, size,
    mail, coding, header, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"""
_NAME = "INSERT OR IGNORE INTO queue VALUES (?)"
_SIZE = "SELECT count(*) FROM queue_entry WHERE queue = ?"
_SIZE_UP_TO = "SELECT count(*) FROM (SELECT 1 FROM queue_entry WHERE queue = ? LIMIT ?)"
_DELETE_PROBE = "DELETE FROM queue_entry WHERE id = ?"
_OWNER = "SELECT owner FROM queue_entry WHERE id = ?"
WAITING = """SELECT q.id, q.entry, q.priority, q.enqueued_at, q.due_at, coalesce(d.deaths, 0), coalesce(d.deaths_alone, 0)
    FROM queue_entry q LEFT JOIN queue_death d ON d.id = q.id"""
"""Rows for `waiting_of`."""
_WAITING = f"{WAITING} WHERE q.id = ?"
_LOAD = """SELECT q.owner, q.mail, q.coding, q.header, b.id, b.size, b.digest FROM queue_entry q LEFT JOIN blob b ON b.id = q.body
    WHERE q.id = ?"""
_UPDATE = """UPDATE queue_entry SET owner = ?, due_at = ?, sender = ?, recipients = ?, size = ?, mail = ?, coding = ?, header = ?, body = ?
    WHERE id = ?"""


def try_entry(tx: Transaction) -> None:
    """Write an entry as an accepted mail has it, and take it back in the same transaction: no process ever sees it."""
    row = tx.execute(_INSERT, ("", "", "", "", 0, 0.0, 0.0, None, "", 0, b"", 0, b"", 0)).fetchone()
    tx.execute(_DELETE_PROBE, row)


class EmbeddedQueueItem:
    """A mail in the hands of one consumer."""

    __slots__ = ("_queue", "_waiting", "entry", "mail")

    def __init__(self, queue: "EmbeddedQueue", waiting: Waiting, mail: Mail) -> None:
        self._queue = queue
        self._waiting = waiting
        self.entry = waiting.entry
        self.mail = mail

    @property
    def attempts(self) -> int:
        return self._waiting.deaths

    @property
    def deaths_alone(self) -> int:
        return self._waiting.deaths_alone

    async def done(self) -> None:
        await self._queue.finish(self._waiting)

    async def retry(self, mail: Mail, delay_seconds: float = 0.0) -> None:
        await self._queue.put_back(self._waiting, mail, delay_seconds)

    async def give_back(self) -> None:
        self._queue.give_back(self._waiting)


@dataclass(frozen=True, slots=True)
class QueueParts:
    """What all queues of a process share. `claim` asks for entries of others for the queue of that name."""

    owner: str
    writer: Writer
    reader: Reader
    blobs: EmbeddedBlobs
    signals: Signals
    clock: Clock
    mark: SharedMark
    in_work: InWork
    isolation: Isolation
    claim: Callable[[str], None]
    ended: EndedEntries


class EmbeddedQueue:
    """Rows of `queue_entry` with one queue name. The column `owner` names the process in whose `QueueMemory` a row waits; a row
    that waits in none has an empty one. A process hands out a row in this order: it notes the row as in work; it looks whether
    the row is its own; and, unless the shared mark proves that no row changed its owner since, it looks whether another process
    has noted the row too. So of two processes at most one hands it out: the second to note it sees the first, or the changed
    mark. A process that yields looks again later."""

    def __init__(self, name: str, parts: QueueParts) -> None:
        self.name = name
        self._owner = parts.owner
        self._writer = parts.writer
        self._reader = parts.reader
        self._blobs = parts.blobs
        self._signals = parts.signals
        self._clock = parts.clock
        self._mark = parts.mark
        self._in_work = parts.in_work
        self._isolation = parts.isolation
        self._claim = parts.claim
        self._ended = parts.ended
        self._memory = QueueMemory(parts.clock)
        self._held: dict[int, Waiting] = {}
        self._disputed: set[int] = set()
        self.is_consumed = False
        """Whether this process takes entries out of the queue."""
        self._is_named = False
        """Whether the store has the queue's name for sure, so that the queue is listed also when it is empty."""
        self._rule = QueueRule(name, parts.writer, parts.reader, parts.signals, parts.clock, parts.mark, self._memory)
        self._complaints = Complaints(_log, parts.clock)
        self._end_watches = [
            parts.signals.listen(flush_topic(name), self._memory.flush),
            parts.signals.listen(offer_topic(name), self._on_offer),
        ]
        self._enqueued = counter(f"enqueuedMail:{name}", "Mails put into the queue")
        self._dequeued = counter(f"dequeuedMail:{name}", "Mails taken from the queue")

    @property
    def idle_consumers(self) -> int:
        return self._memory.idle_consumers

    def _on_offer(self) -> None:
        if self.is_consumed:
            self._claim(self.name)

    async def enqueue(
        self, mail: Mail, *, delay_seconds: float = 0.0, priority: int = NORMAL_PRIORITY, effect: Effect | None = None
    ) -> EntryId:
        if effect is None:
            # what the pipeline does with an accepted mail is nothing new: it has its place, its bytes are stored
            self._blobs.take_room(mail.content)
        now = self._clock.now()
        due_at = now + delay_seconds if delay_seconds > 0 else 0.0
        entry = EntryId(f"{QUEUED}{new_id()}")
        # the caller may go on to change its mail, and the consumer its own
        handed = mail.copy(mail.name, mail.recipients)
        content = mail.content
        sender, recipients = _envelope(mail)
        encoded = mail_codec.encode(mail)
        self._blobs.prepare(content.body)

        def job(tx: Transaction) -> EntryId:
            if effect is not None:
                known = recall(tx, effect, effect.entry.encode())
                if known is not None:
                    return EntryId(known.decode())
            # once: the job may run on a thread, and the row says what happens after the commit
            waits_here = self.is_consumed
            coding, header = pack(content.header)
            values = (
                self.name,
                entry,
                self._owner if waits_here else "",
                handed.name,
                priority,
                now,
                due_at,
                sender,
                recipients,
                content.size,
                encoded,
                coding,
                header,
                self._blobs.put(tx, content.body),
            )
            row_id = tx.execute(_INSERT, values).fetchone()[0]
            if not self._is_named:
                tx.execute(_NAME, (self.name,))
                tx.after_commit.append(self._named)
            if effect is not None:
                remember(tx, effect, entry.encode(), self._ended)
            if waits_here:
                waiting = Waiting(row_id, entry, priority, now, due_at, handed, content.size, mark=self._mark.read())
                tx.after_commit.append(lambda: self.hand_over(waiting))
            else:
                tx.after_commit.append(lambda: self._signals.publish(offer_topic(self.name)))
            return entry

        known = await self._writer.run(job)
        self._enqueued.inc()
        return known

    def _named(self) -> None:
        self._is_named = True

    def hand_over(self, waiting: Waiting) -> None:
        """Lets a row that has this process's name wait for the consumers."""
        self._memory.put(waiting)

    def has_in_work(self, row_id: int) -> bool:
        """Whether the row is in work in this process."""
        return row_id in self._held

    async def dequeue(self, turn: Turn | None = None) -> EmbeddedQueueItem:
        if not self.is_consumed:
            self.is_consumed = True
            self._claim(self.name)
        while True:
            waiting = await self._memory.get()
            is_to_be_parked = waiting.deaths_alone >= MAX_DEATHS_ALONE
            try:
                if turn is not None:
                    await turn(self._clock.now() - max(waiting.enqueued_at, waiting.due_at))
                await self._isolation.enter(waiting.row_id, 0 if is_to_be_parked else waiting.deaths)
            except BaseException:
                self.hand_over(waiting)
                raise
            if waiting.row_id in self._held:
                # this process lost the row, claimed it again, and handed it out before it was told of the claim
                continue
            self._held[waiting.row_id] = waiting
            try:
                mail = self._mail(waiting)
            except Exception as error:
                # whatever it is, also a mail that this release cannot decode: a consumer must not die of it
                self._complaints.error(
                    "a queued mail cannot be read; it is tried again later", error, entry=waiting.entry
                )
                self._leave(waiting)
                self._pause(waiting)
                # there may be thousands of them
                await asyncio.sleep(0)
                continue
            if mail is not None:
                self._dequeued.inc()
                return EmbeddedQueueItem(self, waiting, mail)
            self._leave(waiting)

    def _mail(self, waiting: Waiting) -> Mail | None:
        """None when the entry was deleted or has another owner. Called after the entry was noted as in work."""
        mail, waiting.mail = waiting.mail, None
        if mail is not None:
            if waiting.mark == self._mark.read():
                return mail
            row = self._reader.execute(_OWNER, (waiting.row_id,)).fetchone()
            return mail if self._is_own(waiting, row) else None
        row = self._reader.execute(_LOAD, (waiting.row_id,)).fetchone()
        if not self._is_own(waiting, row):
            return None
        _, data, coding, header, blob, size, digest = row
        if blob is None:
            raise TemporaryFailure("the body of a queued mail is gone from the store")
        return mail_codec.decode(data, self._blobs.content(coding, header, blob, size, digest))

    def _is_own(self, waiting: Waiting, row: tuple[Any, ...] | None) -> bool:
        if row is None:
            return False
        if row[0] != self._owner or self._in_work.is_elsewhere(waiting.row_id):
            # a process that claimed it may have seen that it goes into work here, and give it back; one that has it in work
            # may have lost it to this one a moment ago
            self._disputed.add(waiting.row_id)
            return False
        return True

    def settle_disputes(self) -> None:
        """Lets the disputed rows wait that other processes have given back."""
        for row_id in list(self._disputed):
            row = self._reader.execute(_OWNER, (row_id,)).fetchone()
            if row is not None and row[0] == HELD:
                self._disputed.discard(row_id)  # whichever process claims it after its release
                continue
            if row is not None and (row[0] != self._owner or self._in_work.is_elsewhere(row_id)):
                continue
            self._disputed.discard(row_id)
            if row is not None and row_id not in self._memory and row_id not in self._held:
                self.hand_over(waiting_of(*self._reader.execute(_WAITING, (row_id,)).fetchone()))

    def _leave(self, waiting: Waiting) -> None:
        """The entry is no longer in work, unless it has been handed out again."""
        self._ended.discard(waiting.entry)
        if self._held.get(waiting.row_id) is waiting:
            del self._held[waiting.row_id]
            self._isolation.leave(waiting.row_id)

    async def finish(self, waiting: Waiting) -> None:
        """Removes an entry with its effect keys, unless the last effect has done so."""
        if waiting.entry in self._ended and not waiting.deaths:
            self._leave(waiting)
            return

        def job(tx: Transaction) -> None:
            tx.execute("DELETE FROM queue_entry WHERE id = ?", (waiting.row_id,))
            if waiting.deaths:
                tx.execute(FORGET_DEATHS, (waiting.row_id,))
            forget(tx, waiting.entry)
            tx.after_commit.append(lambda: self._leave(waiting))

        await self._writer.run(job, frees_space=True)

    async def put_back(self, waiting: Waiting, mail: Mail, delay_seconds: float) -> None:
        """Writes the mail as it is now and lets it wait again; nothing when the entry was deleted meanwhile. If it cannot be
        written, the entry waits as it was last stored."""
        if self._held.get(waiting.row_id) is not waiting:
            return  # it was given back
        try:
            await self._write_back(waiting, mail, delay_seconds)
        except Exception as error:
            self._complaints.error(
                "a queued mail cannot be written back; it comes again as it was last stored", error, entry=waiting.entry
            )
            self._leave(waiting)
            self._pause(waiting, delay_seconds)

    async def _write_back(self, waiting: Waiting, mail: Mail, delay_seconds: float) -> None:
        due_at = self._clock.now() + delay_seconds if delay_seconds > 0 else 0.0
        again = Waiting(waiting.row_id, waiting.entry, waiting.priority, waiting.enqueued_at, due_at, None, 0)
        content = mail.content
        sender, recipients = _envelope(mail)
        encoded = mail_codec.encode(mail)

        def job(tx: Transaction) -> None:
            row = tx.execute(_OWNER, (waiting.row_id,)).fetchone()
            if row is None:
                tx.execute(FORGET_DEATHS, (waiting.row_id,))
                forget(tx, waiting.entry)
                tx.after_commit.append(lambda: self._leave(waiting))
                return
            owner = HELD if row[0] == HELD else self._owner
            coding, header = pack(content.header)
            body = self._blobs.put(tx, content.body)
            tx.execute(
                _UPDATE,
                (owner, due_at, sender, recipients, content.size, encoded, coding, header, body, waiting.row_id),
            )
            if waiting.deaths:
                tx.execute(FORGET_DEATHS, (waiting.row_id,))
            tx.after_commit.append(lambda: self._leave(waiting))
            if owner != HELD:
                tx.after_commit.append(lambda: self.hand_over(again))

        await self._writer.run(job, frees_space=True)

    def give_back(self, waiting: Waiting) -> None:
        """Lets an entry wait again as if it had not been handed out."""
        if self._held.get(waiting.row_id) is waiting:
            self._leave(waiting)
            self.hand_over(replace(waiting, mail=None))

    def _pause(self, waiting: Waiting, delay_seconds: float = 0.0) -> None:
        """Lets an entry wait that could not be read or written."""
        waiting.pause_seconds = min(MAX_PAUSE_SECONDS, waiting.pause_seconds * 2 or FIRST_PAUSE_SECONDS)
        waiting.mail = None
        waiting.due_at = self._clock.now() + max(waiting.pause_seconds, delay_seconds)
        self.hand_over(waiting)

    async def size(self) -> int:
        # seldom asked for, so it is counted then: a count that is kept costs two statements a mail
        counted = int(self._reader.execute(_SIZE_UP_TO, (self.name, SHORT_QUEUE)).fetchone()[0])
        if counted < SHORT_QUEUE:
            return counted
        return await self._reader.scan(lambda execute: int(execute(_SIZE, (self.name,)).fetchone()[0]))

    async def browse(self, *, delayed: bool | None = None, limit: int | None = None) -> AsyncIterator[QueuedMail]:
        shown = 0
        async for batch in self._rule.batches(BROWSE_BATCH):
            for _, mail in batch:
                if limit is not None and shown >= limit:
                    return
                if delayed is None or delayed == (mail.next_delivery_at is not None):
                    shown += 1
                    yield mail

    async def delete(self, chosen: Selection = EVERYTHING) -> int:
        return await self._rule.delete(chosen)

    async def hold(self, chosen: Selection = EVERYTHING) -> int:
        return await self._rule.hold(chosen)

    async def release(self, chosen: Selection = EVERYTHING) -> int:
        return await self._rule.release(chosen)

    async def flush(self, chosen: Selection = EVERYTHING) -> int:
        return await self._rule.flush(chosen)

    def close(self) -> None:
        for end in self._end_watches:
            end()
        self._memory.close()


def waiting_of(
    row_id: int, entry: str, priority: int, enqueued_at: float, due_at: float, deaths: int, deaths_alone: int
) -> Waiting:
    """An entry whose mail is to be read."""
    return Waiting(
        row_id, EntryId(entry), priority, enqueued_at, due_at, None, 0, deaths=deaths, deaths_alone=deaths_alone
    )


def _envelope(mail: Mail) -> tuple[str | None, str]:
    """Sender and recipients as the listing keeps them."""
    return None if mail.sender is None else str(mail.sender), "\n".join(map(str, mail.recipients))
