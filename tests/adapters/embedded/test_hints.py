"""Hints from other processes: what is told at once, and what becomes of hints that are lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded import signals
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import NotFound
from compostela.model.flags import NO_FLAGS
from compostela.testing.data_folder import open_store
from compostela.testing.waiting import eventually
from tests.contracts.mailbox_parts import a_mailbox, fill


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedStore, EmbeddedStore]]:
    here, there = await open_store(tmp_path), await open_store(tmp_path)
    here._signals.refresh()
    yield here, there
    await here.close()
    await there.close()


async def test_lost_hints_wake_only_watchers_of_what_changed(
    stores: tuple[EmbeddedStore, EmbeddedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = stores
    monkeypatch.setattr(signals, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(there._signals, "_send", lambda _: None)
    mailboxes = [await a_mailbox(here.mailboxes, f"box{number}") for number in range(50)]
    woken: Counter[int] = Counter()
    for number, mailbox in enumerate(mailboxes):
        here.mailboxes.watch(mailbox, lambda number=number: woken.update([number]))  # type: ignore[misc]
    await fill(there.mailboxes, mailboxes[7], NO_FLAGS)
    await there.mailboxes.delete(mailboxes[9])

    async def both() -> bool | None:
        return set(woken) >= {7, 9} or None

    await eventually(both)
    await asyncio.sleep(0.1)  # some more polls, which have nothing to tell
    assert set(woken) == {7, 9}
    with pytest.raises(NotFound):
        await here.mailboxes.head(mailboxes[9])


async def test_all_that_is_watched_is_asked_for_in_one_query(
    stores: tuple[EmbeddedStore, EmbeddedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = stores
    monkeypatch.setattr(signals, "POLL_SECONDS", 0.02)
    mailboxes = [await a_mailbox(here.mailboxes, f"box{number}") for number in range(30)]
    for mailbox in mailboxes:
        here.mailboxes.watch(mailbox, lambda: None)
    queries: list[int] = []
    versions = here._signals._versions
    of_watched = versions.of_watched

    def counted(topics: list[str]) -> dict[str, int]:
        queries.append(len(topics))
        return of_watched(topics)

    monkeypatch.setattr(versions, "of_watched", counted)
    await fill(there.mailboxes, mailboxes[0], NO_FLAGS)

    async def asked() -> bool | None:
        return bool(queries) or None

    await eventually(asked)
    assert set(queries) == {30}


async def test_versions_of_what_is_watched_follow_every_change(stores: tuple[EmbeddedStore, EmbeddedStore]) -> None:
    here, there = stores
    mailboxes = [await a_mailbox(here.mailboxes, f"box{number}") for number in range(3)]
    topics, versions = list(map(signals.mailbox_topic, mailboxes)), here._signals._versions
    for watched in (topics[:2], topics):
        for _ in range(2):
            for mailbox in mailboxes:
                await fill(there.mailboxes, mailbox, NO_FLAGS)
                assert versions.of_watched(watched) == versions.of(watched)
    await there.mailboxes.delete(mailboxes[0])
    assert versions.of_watched(topics) == versions.of(topics)
    assert set(versions.of(topics)) == set(topics[1:])


async def test_hints_of_one_round_go_out_together(
    stores: tuple[EmbeddedStore, EmbeddedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = stores
    there._signals.refresh()
    sent: list[bytes] = []
    send = there._signals._send

    def counted(datagram: bytes) -> None:
        sent.append(datagram)
        send(datagram)

    monkeypatch.setattr(there._signals, "_send", counted)
    topics = [f"topic {number} {'x' * 50}" for number in range(100)]
    woken: list[str] = []
    for topic in topics:
        here._signals.listen(topic, lambda topic=topic: woken.append(topic))  # type: ignore[misc]
    for topic in topics * 2:
        there._signals.publish(topic)

    async def all_woken() -> bool | None:
        return len(woken) >= len(topics) or None

    await eventually(all_woken)
    assert woken == topics
    assert len(sent) == 2
    assert max(map(len, sent)) <= signals.MAX_DATAGRAM_BYTES


async def test_what_is_told_last_goes_out_before_the_store_closes(
    stores: tuple[EmbeddedStore, EmbeddedStore], tmp_path: Path
) -> None:
    here, _ = stores
    ending = await open_store(tmp_path)
    ending._signals.refresh()
    woken = asyncio.Event()
    here._signals.listen("last", woken.set)
    ending._signals.publish("last")
    await ending.close()
    async with asyncio.timeout(5):
        await woken.wait()
