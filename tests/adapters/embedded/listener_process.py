"""A process of its own that follows mailboxes and changes them: `python -m … FOLDER NOTES`. It writes what its listener is told
into the file NOTES, says `ready` once it has the lease, and goes on until it is killed."""

import asyncio
import random
import sys
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import SystemClock
from compostela.core.events.listener import MailboxListener
from compostela.core.events.listeners import Listeners, NamedListener
from compostela.core.events.model import MailboxChanges
from compostela.core.events.usage_listener import UsageListener
from compostela.core.mailbox.model import Mailbox
from compostela.model.uid_set import UidSet
from compostela.testing.listeners import context_of, no_settings, ports_of
from compostela.testing.waiting import eventually
from tests.contracts.mailbox_parts import BOB, CAROL, a_mailbox, message, path

USERS = (BOB, CAROL)
NOTES, USAGE = "notes", "usage"


class Notes(MailboxListener):
    """Writes a line for each entry."""

    gather_seconds = 0.005

    def __init__(self, store: EmbeddedStore, file: Path) -> None:
        super().__init__(no_settings(), context_of(store))
        self._file = file

    async def changed(self, changes: MailboxChanges) -> None:
        with self._file.open("a") as file:
            file.writelines(f"{changes.mailbox.id} {entry.modseq}\n" for entry in changes.entries)


def usage_of(store: EmbeddedStore) -> UsageListener:
    listener = UsageListener(no_settings(), context_of(store))
    listener.gather_seconds = 0.005
    return listener


def listeners_of(store: EmbeddedStore, notes: Path) -> Listeners:
    named = [NamedListener(NOTES, Notes(store, notes)), NamedListener(USAGE, usage_of(store))]
    return Listeners(named, ports_of(store), SystemClock())


async def change(store: EmbeddedStore, chance: random.Random) -> None:
    """One change of one mailbox: mostly mail that comes and goes, now and then a mailbox."""
    mailboxes = store.mailboxes
    found: list[Mailbox] = [one for user in USERS for one in await mailboxes.of_user(user)]
    if len(found) < 6:
        await a_mailbox(mailboxes, f"box{chance.random()}", chance.choice(USERS))
        return
    box, what = chance.choice(found), chance.random()
    if what < 0.7:
        await mailboxes.append(box.id, [message(b"x" * chance.randrange(200))] * chance.randrange(1, 4))
    elif what < 0.95:
        await mailboxes.remove(box.id, UidSet([(1, chance.randrange(1, 40))]))
    elif what < 0.98:
        await mailboxes.rename([(box.id, path(f"box{chance.random()}", chance.choice(USERS)))])
    else:
        await mailboxes.delete(box.id)


async def main(folder: Path, notes: Path) -> None:
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    listeners = listeners_of(store, notes)
    await listeners.start()

    async def running() -> bool | None:
        return True if listeners.is_running(NOTES) and listeners.is_running(USAGE) else None

    await eventually(running)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    chance = random.Random()
    while True:
        await change(store, chance)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
