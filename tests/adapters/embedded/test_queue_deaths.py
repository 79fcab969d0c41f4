"""The embedded queue keeps to the contract when processes die, and tells a death from a power loss."""

import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded import in_work
from compostela.adapters.embedded.in_work import InWork
from compostela.adapters.embedded.ownership import Ownership
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.idempotency import Effect
from compostela.core.queue.ports import MailQueues
from compostela.model.numbers import EffectKey
from compostela.testing.mails import a_mail
from tests.adapters.embedded.distance import clock, elsewhere, eventually, faulty, patience, store
from tests.adapters.embedded.queue_processes import ROOT
from tests.contracts.mailbox_parts import a_mailbox, message
from tests.contracts.queue_deaths import SECONDS, Consumer, QueueDeathsContract, StartConsumer
from tests.contracts.queue_in_use import QueueInUseContract

pytestmark = pytest.mark.slow

__all__ = ["clock", "elsewhere", "eventually", "faulty", "patience", "store"]


class ConsumerProcess:
    """See `consumer_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def got(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), SECONDS)).decode().strip()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert await asyncio.wait_for(self.process.wait(), SECONDS) == 0


class TestEmbeddedQueueDeaths(QueueDeathsContract):
    @pytest.fixture
    def queues(self, store: EmbeddedStore) -> MailQueues:
        return store.queues

    @pytest.fixture
    def queues_elsewhere(self, elsewhere: EmbeddedStore) -> MailQueues:
        return elsewhere.queues

    @pytest.fixture
    async def consumer(self, tmp_path: Path) -> AsyncIterator[StartConsumer]:
        started: list[ConsumerProcess] = []

        async def start() -> Consumer:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.adapters.embedded.consumer_process", str(tmp_path)),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            consumer = ConsumerProcess(process)
            started.append(consumer)
            assert await consumer.got() == "ready"
            return consumer

        yield start
        for consumer in started:
            if consumer.process.returncode is None:
                await consumer.kill()

    async def test_the_deaths_of_an_entry_are_forgotten_that_its_last_effect_has_ended(
        self, store: EmbeddedStore, consumer: StartConsumer, tmp_path: Path
    ) -> None:
        mailbox, spool = await a_mailbox(store.mailboxes), store.queues.queue("spool")

        def kept() -> int:
            found: int = store._reader.execute("SELECT count(*) FROM queue_death").fetchone()[0]
            return found

        other = await consumer()
        for _ in range(3):
            await spool.enqueue(a_mail())
            await other.got()
        await other.kill()
        items = [await asyncio.wait_for(spool.dequeue(), SECONDS) for _ in range(3)]
        for item in items:
            assert item.attempts == 1
            await store.mailboxes.append(mailbox, [message()], Effect(item.entry, EffectKey("last"), is_last=True))
        await items[0].done()
        await items[1].retry(items[1].mail)
        assert kept() == 1
        # the process dies before it calls `done`
        died(tmp_path / "owners", {3: False})
        await store.queues.claim()
        assert kept() == 0


class TestEmbeddedQueueInUse(QueueInUseContract):
    @pytest.fixture
    def queues(self, store: EmbeddedStore) -> MailQueues:
        return store.queues

    @pytest.fixture
    def queues_elsewhere(self, elsewhere: EmbeddedStore) -> MailQueues:
        return elsewhere.queues


def died(folder: Path, rows: dict[int, bool]) -> None:
    """Leaves the trace of a process that died with these rows in work."""
    ownership = Ownership(folder)
    work = InWork(ownership)
    for row_id, is_alone in rows.items():
        work.begin(row_id, is_alone=is_alone)
    work._unmap()
    (folder / ownership.owner).unlink()


def test_the_trace_of_a_death_names_what_was_in_work(tmp_path: Path) -> None:
    rows = {number: number == 7 for number in range(1, 2000)}
    died(tmp_path / "owners", rows)
    (remains,) = InWork(Ownership(tmp_path / "owners")).of_the_dead()
    assert remains.was_alone == rows


def test_a_power_loss_is_no_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    died(tmp_path / "owners", {1: True})
    monkeypatch.setattr(in_work, "boot_id", lambda: b"another boot".ljust(64, b"\0"))
    (remains,) = InWork(Ownership(tmp_path / "owners")).of_the_dead()
    assert remains.was_alone == {}


def test_what_ended_in_order_leaves_no_trace(tmp_path: Path) -> None:
    ownership = Ownership(tmp_path / "owners")
    work = InWork(ownership)
    work.begin(1, is_alone=False)
    work.end(1)
    work.end(1)
    assert work._read(work._path) == {}
    work.begin(2, is_alone=True)
    work.no_longer_alone(2)
    assert work._read(work._path) == {2: False}
    work.close()
    other = InWork(Ownership(tmp_path / "owners"))
    assert (other.of_the_dead(), other.of_living_others()) == ([], {})


def test_a_file_that_cannot_grow_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, octets: bytes, place: int) -> int:
        raise OSError(errno.ENOSPC, "no room")

    one, two = (InWork(Ownership(tmp_path / "owners")) for _ in range(2))
    one.begin(1, is_alone=False)
    monkeypatch.setattr(os, "pwrite", full)
    for row_id in range(2, 1000):
        one.begin(row_id, is_alone=False)
    monkeypatch.undo()
    one.begin(1000, is_alone=False)
    one.end(1)
    assert two.of_living_others() == {}, "nothing tells what it has in work, so nothing is claimed from it"


def test_what_a_living_process_has_in_work_is_seen_by_others(tmp_path: Path) -> None:
    one, two = (InWork(Ownership(tmp_path / "owners")) for _ in range(2))
    one.begin(5, is_alone=False)
    assert list(two.of_living_others().values()) == [{5}]


async def test_processes_that_claim_from_each_other_all_the_time_hand_out_each_entry_once(tmp_path: Path) -> None:
    count = 400

    async def run(name: str) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.adapters.embedded.claiming_process", str(tmp_path), name, str(count)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 2 * SECONDS)
        assert process.returncode == 0
        return output.decode().split()

    names = ("a", "b", "c")
    handed = await asyncio.gather(*map(run, names))
    assert sorted(name for one in handed for name in one) == sorted(
        f"{name}{number}" for name in names for number in range(count)
    )
