"""Entries of an embedded queue are counted when somebody asks."""

import pytest

from compostela.adapters.embedded import queue
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.testing.mails import a_mail


@pytest.mark.parametrize("entries", [0, 2, 3, 7])
async def test_short_and_long_queues_are_counted(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    monkeypatch.setattr(queue, "SHORT_QUEUE", 3)
    for number in range(entries):
        await store.queues.queue("spool").enqueue(a_mail(str(number)))
        await store.queues.queue("outgoing").enqueue(a_mail(str(number)))
    assert await store.queues.queue("spool").size() == entries
    await store.queues.queue("spool").delete()
    assert await store.queues.queue("spool").size() == 0
    assert await store.queues.queue("outgoing").size() == entries
    assert await store.queues.names() == (["outgoing", "spool"])
