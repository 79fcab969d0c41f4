"""The kit for tests of listeners: a store on a temporary folder, and a group that follows it in a hurry."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import Clock, SystemClock
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.events.delivery import DeliveryOptions
from compostela.core.events.listener import ListenerContext, MailboxListener
from compostela.core.events.listeners import EventPorts, Listeners, NamedListener
from compostela.core.events.model import MailboxChanges, MailboxDeleted, MailboxSnapshot, TreeChanges, TreeSnapshot
from compostela.core.mailbox.log import LogEntry, TreeEntry
from compostela.core.mailbox.model import Mailbox, MessageRow
from compostela.model.numbers import MailboxId
from compostela.testing.waiting import eventually

GROUP = "group"
HURRY = 100
"""How much faster the kit's clock goes: cursors are saved after 10 ms instead of a second."""
QUICK = DeliveryOptions(seconds=5.0, first_pause_seconds=0.0001)


class HurriedClock(SystemClock):
    """Tells the true time of day, and a monotonic time that runs fast."""

    monotonic = staticmethod(lambda: time.monotonic() * HURRY)


def no_settings() -> Settings:
    return Settings(Node("configuration", Place("listeners.xml")), Problems())


def context_of(store: EmbeddedStore) -> ListenerContext:
    return ListenerContext(store.event_source, store.usage, SystemClock())


def ports_of(store: EmbeddedStore) -> EventPorts:
    return EventPorts(store.cursors, store.event_source, store.dead_letters)


class Recorder(MailboxListener):
    """Keeps everything that it is told."""

    follows_trees = True
    gather_seconds = 0.005

    def __init__(self, store: EmbeddedStore) -> None:
        super().__init__(no_settings(), context_of(store))
        self.entries: dict[MailboxId, list[LogEntry]] = {}
        self.snapshots: dict[MailboxId, list[MessageRow]] = {}
        self.deletions: dict[Mailbox, list[MessageRow]] = {}
        self.trees: list[TreeEntry] = []
        self.tree_snapshots: list[TreeSnapshot] = []
        self.redelivered: list[MailboxChanges] = []

    async def changed(self, changes: MailboxChanges) -> None:
        assert changes.entries
        assert all(changes.since < entry.modseq <= changes.until for entry in changes.entries)
        if changes.is_redelivered:
            self.redelivered.append(changes)
        else:
            self.entries.setdefault(changes.mailbox.id, []).extend(changes.entries)

    async def snapshot(self, snapshot: MailboxSnapshot) -> None:
        self.snapshots[snapshot.mailbox.id] = [row async for batch in snapshot.rows for row in batch]

    async def deleted(self, deleted: MailboxDeleted) -> None:
        self.deletions[deleted.mailbox] = [row async for batch in deleted.rows for row in batch]

    async def tree_changed(self, changes: TreeChanges) -> None:
        self.trees += changes.entries

    async def tree_snapshot(self, snapshot: TreeSnapshot) -> None:
        self.tree_snapshots.append(snapshot)


@asynccontextmanager
async def following(
    store: EmbeddedStore,
    *listeners: MailboxListener,
    options: DeliveryOptions = QUICK,
    clock: Clock | None = None,
    max_concurrency: int = 10,
) -> AsyncIterator[Listeners]:
    """The listeners as groups of one server. Their names are `group`, `group1`, `group2` …"""
    running = Listeners(
        [NamedListener(_name(number), listener) for number, listener in enumerate(listeners)],
        ports_of(store),
        clock or HurriedClock(),
        max_concurrency=max_concurrency,
        options=options,
    )
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


def _name(number: int) -> str:
    return f"{GROUP}{number or ''}"


async def settled(store: EmbeddedStore, groups: Sequence[str] = (GROUP,)) -> None:
    """Wait until the groups have passed everything and have saved it."""

    async def passed() -> bool | None:
        return True if not any([await store.cursors.pending(group) for group in groups]) else None

    await eventually(passed)


async def heartbeat(beats: int) -> None:
    """Return after so many rounds of the loop."""
    for _ in range(beats):
        await asyncio.sleep(0)
