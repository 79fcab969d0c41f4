"""The queue when processes share a data folder and die."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded import queue_memory
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull
from compostela.core.idempotency import Effect
from compostela.core.repository.ports import RepositoryUrl
from compostela.model.numbers import EffectKey
from compostela.testing.mails import a_mail
from tests.adapters.embedded.queue_processes import ROOT
from tests.contracts.mail_queue import is_idle, names_of

COUNT = 20


async def killed_process(folder: Path, first: int = 0) -> tuple[set[str], str, str]:
    """Names of the mails that a process has accepted before it was killed, and name and entry of the one it worked on."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.embedded.queue_process", str(folder), str(first), str(COUNT)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    accepted = set()
    while not (line := (await process.stdout.readline()).decode().strip()).startswith("working on"):
        assert line
        accepted.add(line)
    process.kill()
    await process.wait()
    return accepted, line.split()[2], line.split()[3]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    yield store
    await store.close()


@pytest.mark.slow
async def test_nothing_accepted_is_lost_by_a_kill(tmp_path: Path) -> None:
    accepted, worked_on, entry = await killed_process(tmp_path)
    assert len(accepted) == COUNT
    store = await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    spool, outgoing = store.queues.queue("spool"), store.queues.queue("outgoing")
    assert set(await names_of(spool)) == accepted
    assert await names_of(spool, delayed=True) == ["mail0"]
    items = [await spool.dequeue() for _ in range(COUNT - 1)]
    assert {item.mail.name for item in items} == accepted - {"mail0"}
    assert await is_idle(spool)
    again = next(item for item in items if item.mail.name == worked_on)
    assert again.entry == entry
    await outgoing.enqueue(a_mail("effect"), effect=Effect(again.entry, EffectKey("out")))
    assert await outgoing.size() == 1
    for item in items:
        await item.done()
    assert await spool.size() == 1
    await store.close()


@pytest.mark.slow
async def test_the_living_take_over_from_the_dead(store: EmbeddedStore, tmp_path: Path) -> None:
    accepted, worked_on, _ = await killed_process(tmp_path)
    spool = store.queues.queue("spool")
    items = [await asyncio.wait_for(spool.dequeue(), 20) for _ in range(COUNT - 1)]
    assert {item.mail.name for item in items} == accepted - {"mail0"}
    assert {item.mail.name: item.attempts for item in items} == {
        item.mail.name: int(item.mail.name == worked_on) for item in items
    }, "an entry that waits counts no attempt"
    assert await store.queues.claim() == 0


@pytest.mark.slow
async def test_a_process_that_consumes_nothing_takes_nothing_over(store: EmbeddedStore, tmp_path: Path) -> None:
    accepted, _, _ = await killed_process(tmp_path)
    assert await store.queues.claim() == 0
    assert set(await names_of(store.queues.queue("spool"))) == accepted


async def test_what_a_closed_process_leaves_is_taken_over(store: EmbeddedStore, tmp_path: Path) -> None:
    other = await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    spool = other.queues.queue("spool")
    await spool.enqueue(a_mail("one"))
    await spool.enqueue(a_mail("two"))
    await spool.dequeue()
    await other.close()
    items = [await asyncio.wait_for(store.queues.queue("spool").dequeue(), 20) for _ in range(2)]
    assert {(item.mail.name, item.attempts) for item in items} == {("one", 0), ("two", 0)}


async def test_more_than_memory_holds_is_read_again(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_memory, "MAX_MAILS_IN_MEMORY", 2)
    monkeypatch.setattr(queue_memory, "MAX_BYTES_IN_MEMORY", 2000)
    spool = store.queues.queue("spool")
    bodies = [b"x" * 3000, *(b"%d" % n for n in range(5))]
    for n, body in enumerate(bodies):
        await spool.enqueue(a_mail(str(n), body=body))
    for body in bodies:
        item = await spool.dequeue()
        assert await item.mail.content.body.read() == body


async def test_a_full_disk_refuses_mail_and_lets_it_go(tmp_path: Path) -> None:
    store = await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    await store.queues.queue("spool").enqueue(a_mail())
    await store.close()
    full = await EmbeddedStore.open(tmp_path, reserve_bytes=2**62)
    spool = full.queues.queue("spool")
    repository = await full.repositories.select(RepositoryUrl.parse("var/mail/error"))
    with pytest.raises(StorageFull):
        await spool.enqueue(a_mail())
    with pytest.raises(StorageFull):
        await repository.store(a_mail())
    item = await spool.dequeue()
    await item.retry(item.mail)
    await (await spool.dequeue()).done()
    assert await spool.size() == 0
    await full.close()
