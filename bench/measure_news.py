"""What it costs to look for news of a listener group among many mailboxes."""

import asyncio
import statistics
import time
from pathlib import Path

from bench.sides import Effort
from bench.table import Row, at_most
from compostela.adapters.embedded.database import DATABASE_NAME, connect
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.events.model import Group
from compostela.core.mailbox.model import NewMessage
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username

GROUP = "bench"
WITH_NEWS = 10
MOST_MILLISECONDS = 50
USER = Username.parse("bench@example.org")
_MAILBOXES = "INSERT INTO mailbox (user, namespace, name, uid_validity) VALUES (?, 'private', ?, 1)"


def measure(effort: Effort) -> list[Row]:
    mailboxes, looks = effort.of(100_000, 10_000), effort.of(200, 20)
    folder = effort.folder / "news"
    seconds = asyncio.run(_look(folder, mailboxes, looks))
    name = f"news of a listener group, {mailboxes:,} mailboxes, {WITH_NEWS} with news"
    return [
        Row(name, "ms", statistics.median(seconds) * 1000, None, at_most(MOST_MILLISECONDS)),
        Row("the same, the slowest look", "ms", max(seconds) * 1000),
    ]


async def _look(folder: Path, mailboxes: int, looks: int) -> list[float]:
    """Seconds of each look."""
    store = await EmbeddedStore.open(folder)
    try:
        boxes = [(await store.mailboxes.create(MailboxPath.personal(USER, f"box{n}"))).id for n in range(WITH_NEWS)]
        _fill(folder, mailboxes)
        await store.cursors.register(Group(GROUP))
        await store.cursors.acquire(GROUP)
        while found := await store.cursors.pending(GROUP, limit=1000):
            await store.cursors.save(GROUP, {one.log: one.head for one in found})
        content = MessageContent(b"Subject: news\r\n\r\n", MemoryBody(b"news\r\n"))
        for box in boxes:
            await store.mailboxes.append(box, [NewMessage(content, b"", 0)])
        seconds = []
        for _ in range(looks):
            begun = time.perf_counter()
            found = await store.cursors.pending(GROUP)
            seconds.append(time.perf_counter() - begun)
            if len(found) != WITH_NEWS:
                raise RuntimeError(f"{len(found)} mailboxes have news instead of {WITH_NEWS}")
        return seconds
    finally:
        await store.close()


def _fill(folder: Path, mailboxes: int) -> None:
    connection = connect(folder / DATABASE_NAME)
    with connection:
        connection.executemany(_MAILBOXES, ((f"user{n % 1000}@example.org", f"box{n}") for n in range(mailboxes)))
    connection.close()
