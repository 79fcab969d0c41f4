"""Listener groups when processes die."""

import asyncio
import random
import sys
import time
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.events.ports import TAKE_OVER_SECONDS
from compostela.model.numbers import ModSeq
from compostela.testing.listeners import settled
from compostela.testing.waiting import eventually
from tests.adapters.embedded.listener_process import NOTES, USAGE, USERS, listeners_of
from tests.contracts.mailbox_parts import log_of

ROOT = Path(__file__).parents[3]
KILLS = 6


async def started(folder: Path, notes: Path) -> asyncio.subprocess.Process:
    """A process that follows and changes mailboxes; it has the leases."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.embedded.listener_process", str(folder), str(notes)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.slow
async def test_kills_pass_over_nothing_and_usage_stays_exact(tmp_path: Path) -> None:
    folder, notes = tmp_path / "data", tmp_path / "notes"
    chance = random.Random(7)
    for _ in range(KILLS):
        process = await started(folder, notes)
        # at any moment: what matters is where in its work it dies
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        process.kill()
        await process.wait()
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    listeners = listeners_of(store, notes)
    await listeners.start()
    await settled(store, (NOTES, USAGE))
    await listeners.stop()

    told: dict[str, set[int]] = {}
    for line in notes.read_text().splitlines():
        mailbox, modseq = line.split()
        told.setdefault(mailbox, set()).add(int(modseq))
    changes = 0
    for user in USERS:
        boxes = await store.mailboxes.of_user(user)
        heads = (await store.mailboxes.heads([box.id for box in boxes])).values()
        expected = sum(head.messages for head in heads), sum(head.size_bytes for head in heads)
        assert await store.usage.of_user(user) == expected
        for box in boxes:
            entries = await log_of(store.mailboxes, box.id, ModSeq(0))
            changes += len(entries)
            assert told.get(box.id, set()) == {entry.modseq for entry in entries}
    assert changes > 50
    assert await store.dead_letters.count() == 0
    await store.close()


@pytest.mark.slow
async def test_a_group_is_taken_over_soon_after_its_process_died(tmp_path: Path) -> None:
    folder, notes = tmp_path / "data", tmp_path / "notes"
    process = await started(folder, notes)
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    listeners = listeners_of(store, notes)
    await listeners.start()

    async def running() -> bool | None:
        return True if listeners.is_running(NOTES) and listeners.is_running(USAGE) else None

    assert await running() is None
    process.kill()
    await process.wait()
    died_at = time.monotonic()
    await eventually(running)
    assert time.monotonic() - died_at < TAKE_OVER_SECONDS
    await listeners.stop()
    await store.close()
