"""Runs of the pipeline whose process is killed, with real processes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.testing.data_folder import open_store
from compostela.testing.mails import a_mail
from tests.unit.processing.spooler_process import ERRORS

ROOT = Path(__file__).parents[3]
SECONDS = 60.0


async def run(folder: Path, mode: str) -> int:
    """The exit status of a process that works on the folder."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.processing.spooler_process", str(folder), mode, cwd=ROOT
    )
    return await asyncio.wait_for(process.wait(), SECONDS)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, reserve_bytes=0)
    yield store
    await store.close()


@pytest.mark.slow
async def test_a_mail_that_kills_its_process_is_parked_and_its_neighbours_are_delivered(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    neighbours = [f"mail{number}" for number in range(6)]
    for name in [*neighbours[:2], "killer", *neighbours[2:]]:
        await store.queues.queue("spool").enqueue(a_mail(name))
    deaths = 0
    while await run(tmp_path, "killer"):
        deaths += 1
        assert deaths < 10, "nothing loops"
    assert deaths == 5, "twice among others, three times alone"
    repository = await store.repositories.find(ERRORS)
    assert repository is not None
    parked = await repository.retrieve("killer")
    assert parked is not None
    assert parked.error_message is not None
    assert "died 3 times" in parked.error_message
    assert await repository.size() == 1
    outgoing = store.queues.queue("outgoing")
    assert sorted([mail.name async for mail in outgoing.browse()]) == neighbours


@pytest.mark.slow
async def test_effects_that_end_in_any_order_happen_once_when_their_process_is_killed(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    recipients = tuple(f"user{number:02}@example.org" for number in range(40))
    await store.queues.queue("spool").enqueue(a_mail(recipients=recipients))
    assert [await run(tmp_path, dies_after) for dies_after in ("7", "23", "0")] == [-9, -9, 0]
    mails = [mail async for mail in store.queues.queue("outgoing").browse()]
    assert sorted(str(mail.recipients[0]) for mail in mails) == sorted(recipients)
    assert len({mail.name for mail in mails}) == len(recipients)
