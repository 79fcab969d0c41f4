"""One mail queue of a cluster: see `compostela.core.queue.ports` for what it promises, and record 0013 for how it is kept."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from compostela.adapters.cassandra.effects import IsOver
from compostela.adapters.cassandra.queue_asking import Asking
from compostela.adapters.cassandra.queue_broker import Broker, Handed
from compostela.adapters.cassandra.queue_calls import Calls
from compostela.adapters.cassandra.queue_count import QueueCount
from compostela.adapters.cassandra.queue_hand import Hand, Message, Waiting, decode_message, encode_message
from compostela.adapters.cassandra.queue_listing import entries_of
from compostela.adapters.cassandra.queue_minutes import SettledMinutes
from compostela.adapters.cassandra.queue_nodes import Nodes
from compostela.adapters.cassandra.queue_release import release_until
from compostela.adapters.cassandra.queue_rows import MADE, QUEUED, Entry, Facts, Note, QueueRows, facts_of
from compostela.adapters.cassandra.queue_rule import QueueRule, write_held
from compostela.adapters.cassandra.queue_settings import QueueSettings
from compostela.adapters.cassandra.queue_sweep import Sweeper, sweep
from compostela.adapters.cassandra.queue_turns import SUSPECT_DEATHS, Turns
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.base.ids import new_id
from compostela.base.metrics import counter
from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.core.queue.model import EVERYTHING, NORMAL_PRIORITY, QueuedMail, Selection
from compostela.core.queue.ports import MAX_DEATHS_ALONE, Turn
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
"""An entry that cannot be read, or not be written back, is tried again after this time; the pause doubles each time."""
MAX_PAUSE_SECONDS = 900.0
MAX_UNPUBLISHED = 10_000
"""Entries that are published when the broker is back; the sweeper finds those beyond."""


@dataclass(slots=True, eq=False)
class Held:
    """An entry in work in this process."""

    waiting: Waiting
    entry: Entry
    note: Note
    calling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One call of the item at a time: a call that was cancelled goes on until its writes are done."""


class ClusterQueueItem:
    """A mail in the hands of one consumer."""

    __slots__ = ("_held", "_queue", "entry", "mail")

    def __init__(self, queue: "ClusterQueue", held: Held, mail: Mail) -> None:
        self._queue = queue
        self._held = held
        self.entry = held.waiting.entry
        self.mail = mail

    @property
    def attempts(self) -> int:
        return self._held.entry.facts.deaths

    @property
    def deaths_alone(self) -> int:
        return self._held.entry.facts.deaths_alone

    async def done(self) -> None:
        await self._queue.finish(self._held)

    async def retry(self, mail: Mail, delay_seconds: float = 0.0) -> None:
        await self._queue.put_back(self._held, mail, delay_seconds)

    async def give_back(self) -> None:
        await self._queue.give_back(self._held)


@dataclass(frozen=True, slots=True)
class QueueParts:
    """What all queues of a process share."""

    rows: QueueRows
    broker: Broker
    nodes: Nodes
    turns: Turns
    is_over: IsOver
    clock: Clock
    settings: QueueSettings


class ClusterQueue:
    """The truth is in `rows`; the broker says which process an entry goes to. A message that is older than its entry's revision, or whose
    entry has ended, is acknowledged and forgotten."""

    def __init__(self, name: str, parts: QueueParts) -> None:
        self.name = name
        self._rows = parts.rows
        self._broker = parts.broker
        self._nodes = parts.nodes
        self._turns = parts.turns
        self._is_over = parts.is_over
        self._clock = parts.clock
        self._settings = parts.settings
        self._count = QueueCount(parts.rows.session, name, parts.nodes.own, self._counted)
        self._hand = Hand(parts.clock)
        self._held: dict[EntryId, Held] = {}
        self._unpublished: dict[EntryId, Message] = {}
        self._sweeper = Sweeper(parts.clock)
        self._settled_due = SettledMinutes(parts.clock)
        self._is_consuming = False
        self.is_used = False  # this process has put something into it, or takes from it
        self._rule = QueueRule(name, parts.rows, parts.nodes, parts.clock, self._publish)
        self._complaints = Complaints(_log, parts.clock)
        self._calls = Calls(self._complaints)
        self._asking = Asking(parts.rows, parts.nodes, self._calls, self._complaints, self._known)
        self._enqueued = counter(f"enqueuedMail:{name}", "Mails put into the queue")
        self._dequeued = counter(f"dequeuedMail:{name}", "Mails taken from the queue")

    # putting

    async def enqueue(
        self, mail: Mail, *, delay_seconds: float = 0.0, priority: int = NORMAL_PRIORITY, effect: Effect | None = None
    ) -> EntryId:
        # the caller may go on to change its mail
        mail = mail.copy(mail.name, mail.recipients)
        return await self._calls.whole(self._enqueue(mail, delay_seconds, priority, effect))

    async def _enqueue(self, mail: Mail, delay_seconds: float, priority: int, effect: Effect | None) -> EntryId:
        now = self._clock.now()
        due_at = now + delay_seconds if delay_seconds > 0 else 0.0
        facts = facts_of(self.name, mail, priority, now, due_at, new_id())
        entry = EntryId(f"{QUEUED}{new_id()}") if effect is None else _made_by(effect, self.name)
        if effect is not None:
            known, is_over = await asyncio.gather(self._rows.look(entry), self._is_over(effect.entry))
            if known is not None or is_over:
                return entry
        stored = await self._rows.encoded(mail)
        try:
            is_new = await self._rows.store(entry, facts, stored, is_made=effect is not None)
        except TemporaryFailure:
            self._count.be_unsure()
            raise
        if not is_new:
            return entry
        if due_at:
            await self._count.change(1)
        else:
            await asyncio.gather(self._publish(entry, 1, facts), self._count.change(1))
        self.is_used = True
        self._enqueued.inc()
        return entry

    async def _publish(self, entry: EntryId, revision: int, facts: Facts) -> None:
        """Never raises: the entry is durable, and comes when the broker is back."""
        message = Message(entry, revision, facts.priority, facts.ready_at, facts.deaths, facts.deaths_alone)
        await self._send(message)

    async def _send(self, message: Message) -> None:
        try:
            await self._broker.publish(self.name, encode_message(message), urgent=message.priority > NORMAL_PRIORITY)
        except TemporaryFailure as error:
            self._complaints.error("an entry is handed out later: the broker is away", error)
            if len(self._unpublished) < MAX_UNPUBLISHED:
                self._unpublished[EntryId(message.entry)] = message

    # handing out

    def consume(self) -> None:
        """Lets the broker hand entries to this process."""
        self.is_used = True
        if not self._is_consuming:
            self._is_consuming = True
            self._broker.consume(self.name, self._on_message, self._on_lost)

    @property
    def at_hand(self) -> int:
        """Entries that wait for consumers of this process."""
        return len(self._hand)

    def _on_message(self, handed: Handed) -> None:
        try:
            message = decode_message(handed.body)
        except msgspec.DecodeError as error:
            self._complaints.error("a message of the broker cannot be read; it is dropped", error, queue=self.name)
            self._calls.later(handed.ack())
            return
        entry = EntryId(message.entry)
        held = self._held.get(entry)
        known = held.waiting if held is not None else self._hand.get_known(entry) or self._asking.get(entry)
        if known is not None and known.message.revision >= message.revision:
            # it was published twice, or comes again after the connection was lost
            old, known.handed = known.handed, handed
            self._calls.later(old.ack())
            return
        if known is not None and held is None:
            self._calls.later(known.handed.ack())  # or it would count for the prefetch until the connection ends
        waiting = Waiting(message, handed, asyncio.get_running_loop().time())
        if handed.is_redelivered or message.deaths >= SUSPECT_DEATHS:
            self._asking.add(waiting)
        else:
            self._hand.put(waiting)

    def _known(self, waiting: Waiting) -> None:
        if waiting.entry not in self._held:
            self._hand.put(waiting)

    def _on_lost(self) -> None:
        """The broker hands to others what waits here. What is in work stays in work, and what waits after a failure stays here: its row may
        say that this process has it in work, and then no other takes it."""
        for waiting in self._hand.take_all():
            if waiting.pause_seconds:
                self._hand.put(waiting)
        self._asking.clear()

    async def dequeue(self, turn: Turn | None = None) -> ClusterQueueItem:
        while True:
            if not self._is_consuming:
                self.consume()
            waiting = await self._hand.get()
            entry, message = waiting.entry, waiting.message
            is_to_be_parked = message.deaths_alone >= MAX_DEATHS_ALONE
            try:
                if turn is not None:
                    await turn(self._clock.now() - message.ready_at)
                is_alone = await self._turns.enter(entry, 0 if is_to_be_parked else message.deaths)
            except BaseException:
                self._hand.put(waiting)
                raise
            item = await self._calls.whole(self._take(waiting, is_alone=is_alone), self._return)
            if item is not None:
                self._dequeued.inc()
                return item

    def _return(self, item: ClusterQueueItem | None) -> None:
        """Of a consumer that has gone."""
        if item is not None:
            self._calls.later(item.give_back())

    async def _take(self, waiting: Waiting, *, is_alone: bool) -> ClusterQueueItem | None:
        """None when the message is old, or the mail cannot be read now."""
        try:
            return await self._taken(waiting, is_alone=is_alone)
        except Exception as error:
            # whatever it is, also a mail that this release cannot decode: a consumer must not die of it
            self._complaints.error("a queued mail cannot be read; it is tried again later", error, entry=waiting.entry)
            self._turns.leave(waiting.entry)
            self._pause(waiting)
            return None

    async def _taken(self, waiting: Waiting, *, is_alone: bool) -> ClusterQueueItem | None:
        entry = waiting.entry
        row = await self._rows.read(entry)
        is_current = row is not None and (
            row.facts.published == waiting.message.revision
            or (waiting.is_unsure and not row.facts.held_from and row.facts.due_at <= self._clock.now())
        )
        if row is None or not is_current:
            self._turns.leave(entry)
            await waiting.handed.ack()
            return None
        holder = row.holder
        if holder is not None and holder.node != self._nodes.own:
            self._turns.leave(entry)
            self._asking.add(waiting)
            return None
        handing = 0 if row.note is None or row.note.revision != row.revision else row.note.handing + 1
        note = Note(self._nodes.own, row.revision, handing, is_alone, True)
        mail = self._rows.decoded(row.mail)
        await self._rows.note(entry, note)
        held = Held(waiting, row, note)
        if (earlier := self._held.get(entry)) is not None and earlier.waiting is not waiting:
            self._calls.later(earlier.waiting.handed.ack())  # another node took this one for dead
        self._held[entry] = held
        return ClusterQueueItem(self, held, mail)

    def _pause(self, waiting: Waiting, delay_seconds: float = 0.0) -> None:
        """Lets an entry wait that could not be read or written."""
        waiting.pause_seconds = min(MAX_PAUSE_SECONDS, waiting.pause_seconds * 2 or FIRST_PAUSE_SECONDS)
        waiting.not_before = self._clock.now() + max(waiting.pause_seconds, delay_seconds)
        self._hand.put(waiting)

    # what consumers do

    async def finish(self, held: Held) -> None:
        await self._calls.whole(self._finish(held))

    async def _finish(self, held: Held) -> None:
        async with held.calling:
            entry = held.waiting.entry
            try:
                was_there = await self._rows.end(entry)
            except TemporaryFailure:
                self._count.be_unsure()
                raise
            is_own = self._leave(held)
            if was_there:
                await self._gone(entry, held.entry.facts)
            if is_own:
                await held.waiting.handed.ack()

    async def _gone(self, entry: EntryId, facts: Facts) -> None:
        """An entry has ended. Never raises: what is left over of it is found to be old."""
        results = await asyncio.gather(
            self._rows.remove_line(facts.queue, facts.minute, entry), self._count.change(-1), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, TemporaryFailure):
                raise result

    async def put_back(self, held: Held, mail: Mail, delay_seconds: float) -> None:
        mail = mail.copy(mail.name, mail.recipients)
        await self._calls.whole(self._put_back(held, mail, delay_seconds))

    async def _put_back(self, held: Held, mail: Mail, delay_seconds: float) -> None:
        async with held.calling:
            waiting = held.waiting
            if self._held.get(waiting.entry) is not held:
                return  # it was given back, or is done
            try:
                await self._write_back(held, mail, delay_seconds)
            except Exception as error:
                self._complaints.error(
                    "a queued mail cannot be written back; it comes again as it was last stored",
                    error,
                    entry=waiting.entry,
                )
                self._leave(held)
                waiting.is_unsure = True
                self._pause(waiting, delay_seconds)

    async def _write_back(self, held: Held, mail: Mail, delay_seconds: float) -> None:
        entry, old, revision = held.waiting.entry, held.entry.facts, held.entry.revision
        due_at = self._clock.now() + delay_seconds if delay_seconds > 0 else 0.0
        facts = facts_of(self.name, mail, old.priority, old.enqueued_at, due_at, old.place, revision + 1)
        stored = await self._rows.encoded(mail)
        if due_at:
            await self._rows.add_due(self.name, due_at, entry, revision + 1)
        is_written = await self._rows.change(entry, revision, facts, stored)
        if not is_written:
            await write_held(self._rows, entry, revision, facts, stored)
        self._leave(held)
        if is_written and not due_at:
            await self._publish(entry, revision + 1, facts)
        await held.waiting.handed.ack()

    async def give_back(self, held: Held) -> None:
        """Lets an entry wait again as if it had not been handed out."""
        async with held.calling:
            if self._held.get(held.waiting.entry) is not held:
                return
            self._leave(held)
            held.waiting.arrived_at = asyncio.get_running_loop().time()
            self._hand.put(held.waiting)
        self._calls.later(self._note_end(held))

    async def _note_end(self, held: Held) -> None:
        """No longer in work: if this process dies now, it did not die of the entry."""
        with contextlib.suppress(TemporaryFailure):
            await self._rows.note(held.waiting.entry, msgspec.structs.replace(held.note, is_in_work=False))

    def _leave(self, held: Held) -> bool:
        """The entry is no longer in work here. False if it was not, or has been handed out again."""
        entry = held.waiting.entry
        if self._held.get(entry) is not held:
            return False
        del self._held[entry]
        self._turns.leave(entry)
        return True

    # looking and ruling

    async def size(self) -> int:
        await self._calls.settled()
        return await self._count.total()

    async def _counted(self) -> int:
        return sum([len(page) async for page in entries_of(self._rows, self.name)])

    async def browse(self, *, delayed: bool | None = None, limit: int | None = None) -> AsyncIterator[QueuedMail]:
        await self._calls.settled()
        shown, now = 0, self._clock.now()
        async for page in entries_of(self._rows, self.name):
            for entry, facts in page:
                if limit is not None and shown >= limit:
                    return
                mail = facts.listed(entry, now)
                if delayed is None or delayed == (mail.next_delivery_at is not None):
                    shown += 1
                    yield mail

    async def delete(self, chosen: Selection = EVERYTHING) -> int:
        await self._calls.settled()
        return await self._rule.each(chosen, self._remove)

    async def hold(self, chosen: Selection = EVERYTHING) -> int:
        await self._calls.settled()
        return await self._rule.hold(chosen)

    async def release(self, chosen: Selection = EVERYTHING) -> int:
        await self._calls.settled()
        return await self._rule.release(chosen)

    async def _remove(self, entry: EntryId, facts: Facts) -> bool:
        try:
            was_there = await self._rows.end(entry)
        except TemporaryFailure:
            self._count.be_unsure()
            raise
        if was_there:
            await self._gone(entry, facts)
            known = self._hand.get_known(entry)
            if known is not None:
                self._hand.drop(entry)
                await known.handed.ack()
        return was_there

    async def flush(self, chosen: Selection = EVERYTHING) -> int:
        await self._calls.settled()
        return await self._release_until(float("inf")) if chosen == EVERYTHING else await self._rule.flush(chosen)

    async def _release_until(self, until: float) -> int:
        """Makes ready what is due by then, and returns how many entries that were."""
        return await release_until(self.name, self._rows, until, self._clock.now(), self._publish, self._settled_due)

    # in the background

    async def look_around(self) -> None:
        """What is done again and again: due entries become ready, what could not be published is published, what a busy process has at
        hand for long goes to others. Raises `TemporaryFailure`."""
        self._hand.ripen()
        await self._publish_rest()
        await self._lend()
        if self.is_used:
            await self._release_until(self._clock.now())

    async def _publish_rest(self) -> None:
        for entry, message in list(self._unpublished.items()):
            await self._broker.publish(self.name, encode_message(message), urgent=message.priority > NORMAL_PRIORITY)
            if self._unpublished.get(entry) is message:
                del self._unpublished[entry]

    async def _lend(self) -> None:
        """Hands over what has been at hand for long, and takes no more until a consumer asks."""
        oldest = self._hand.oldest_arrival()
        if (
            oldest is None
            or self._hand.is_wanted
            or asyncio.get_running_loop().time() - oldest <= self._settings.lend_seconds
        ):
            return
        self._is_consuming = False
        await self._broker.stop_consuming(self.name)
        for waiting in self._hand.take_all(ready_only=True):
            await self._send(waiting.message)
            await waiting.handed.ack()

    async def sweep(self, lost_after_seconds: float | None = None) -> int:
        """Publishes again what the broker has lost, and tidies up. An entry may be lost that has been ready for so long, by default for as
        long as the settings say. Return how many entries were lost. Raises `TemporaryFailure`."""
        if await self._broker.ready(self.name):
            return 0  # what is old may wait there
        lost_after = self._settings.lost_after_seconds if lost_after_seconds is None else lost_after_seconds
        lost = await sweep(self.name, self._rows, self._nodes, lost_after, self._has, self._sweeper)
        for entry, revision, facts in lost:
            await self._publish(entry, revision, facts)
        await self._count.recount()
        return len(lost)

    def _has(self, entry: EntryId) -> bool:
        """Whether this process has the entry, in work or at hand."""
        at_hand = self._hand.get_known(entry) or self._asking.get(entry)
        return entry in self._held or at_hand is not None

    async def close(self) -> None:
        """An orderly stop: what is in work here is not held against it."""
        await asyncio.gather(*(self._note_end(held) for held in self._held.values()))
        await self._calls.close()


def _made_by(effect: Effect, queue: str) -> EntryId:
    """The id of the entry that an effect makes: the same in every run."""
    digest = blake2b(f"{effect.entry}\n{effect.key}\n{queue}".encode(), digest_size=16).hexdigest()
    return EntryId(f"{MADE}{digest}")
