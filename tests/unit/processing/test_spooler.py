"""The spooler goes on, whatever the store and the mailets do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import TemporaryFailure
from compostela.core.mail.model import ERROR, GHOST, ROOT, Mail
from compostela.core.repository.ports import RepositoryUrl
from compostela.processing.mailet import Mailet
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.processor import MailProcessors, Pair, Processor
from compostela.processing.spooler import MAX_FAILURES, MAX_TEMPORARY_FAILURES, Spooler
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from compostela.testing.mails import a_mail
from tests import databases
from tests.contracts.distance import eventually_within

HOUR = 3600.0


class Collecting(Mailet):
    """Takes every mail, after raising what it was told to raise."""

    def __init__(self) -> None:
        self.raising: list[BaseException] = []
        self.reached = asyncio.Event()
        self.taken: asyncio.Queue[str] = asyncio.Queue()

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        self.reached.set()
        if self.raising:
            raise self.raising.pop()
        mail.state = GHOST
        self.taken.put_nowait(mail.name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, clock)
    yield store
    await store.close()


@pytest.fixture
def mailet() -> Collecting:
    return Collecting()


@pytest.fixture
async def spooler(store: EmbeddedStore, mailet: Collecting) -> AsyncIterator[Spooler]:
    processors = MailProcessors([Processor(ROOT, (Pair(None, False, mailet),)), Processor(ERROR)])
    url = RepositoryUrl("embedded", "var/mail/error")
    spooler = Spooler(store.queues.queue("spool"), processors, store.repositories, url, workers=1)
    await spooler.start()
    yield spooler
    await spooler.stop()


async def comes(mailet: Collecting) -> str:
    return await asyncio.wait_for(mailet.taken.get(), 10)


async def test_a_stray_cancellation_strands_no_entry(
    store: EmbeddedStore, spooler: Spooler, mailet: Collecting, clock: FakeClock
) -> None:
    mailet.raising.append(asyncio.CancelledError())
    queue = store.queues.queue("spool")
    await queue.enqueue(a_mail("first"))
    await asyncio.wait_for(mailet.reached.wait(), 10)
    await queue.enqueue(a_mail("second"))
    assert await comes(mailet) == "second", "the one worker is alive"
    clock.advance(HOUR)
    await queue.enqueue(a_mail("third"))
    assert {await comes(mailet), await comes(mailet)} == {"first", "third"}


async def test_the_worker_outlives_a_store_that_fails_while_it_puts_a_mail_back(
    store: EmbeddedStore, spooler: Spooler, mailet: Collecting, clock: FakeClock, tmp_path: Path
) -> None:
    mailet.raising.append(asyncio.CancelledError())
    queue = store.queues.queue("spool")
    database = databases.opened(tmp_path)
    database.set_busy_timeout(10_000)
    # updates of entries fail, new ones do not
    database.execute(
        "CREATE TRIGGER broken BEFORE UPDATE ON queue_entry BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END"
    )
    await queue.enqueue(a_mail("first"))
    await asyncio.wait_for(mailet.reached.wait(), 10)
    await queue.enqueue(a_mail("second"))
    assert await comes(mailet) == "second"
    database.execute("DROP TRIGGER broken")
    database.close()
    clock.advance(HOUR)
    await queue.enqueue(a_mail("third"))
    assert {await comes(mailet), await comes(mailet)} == {"first", "third"}


async def tried_again(store: EmbeddedStore, mailet: Collecting) -> None:
    """Waits until the one mail was put back, and releases it."""
    await asyncio.wait_for(mailet.reached.wait(), 10)
    mailet.reached.clear()

    async def is_released() -> bool:
        return await store.queues.queue("spool").flush() == 1

    await eventually_within(10)(is_released)


async def is_set_aside(store: EmbeddedStore) -> bool:
    return await (await store.repositories.select(RepositoryUrl("embedded", "var/mail/error"))).size() == 1


async def test_a_mail_waits_for_a_store_that_is_away_and_is_not_set_aside(
    store: EmbeddedStore, spooler: Spooler, mailet: Collecting
) -> None:
    mailet.raising += [TemporaryFailure("the store is away")] * (MAX_FAILURES + 3)
    await store.queues.queue("spool").enqueue(a_mail("first"))
    while mailet.raising:
        await tried_again(store, mailet)
    assert await comes(mailet) == "first"
    assert not await is_set_aside(store)


async def test_a_mail_that_can_never_be_processed_is_set_aside_in_the_end(
    store: EmbeddedStore, spooler: Spooler, mailet: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_TEMPORARY_FAILURES > MAX_FAILURES
    monkeypatch.setattr("compostela.processing.spooler.MAX_TEMPORARY_FAILURES", 2)
    mailet.raising += [TemporaryFailure("it is gone")] * 3
    await store.queues.queue("spool").enqueue(a_mail("first"))
    for _ in range(2):
        await tried_again(store, mailet)
    await eventually_within(10)(lambda: is_set_aside(store))
