"""Suspects run alone, and hold up the others for a bounded time only."""

import asyncio
from pathlib import Path

import pytest

from compostela.adapters.embedded import isolation
from compostela.adapters.embedded.in_work import InWork
from compostela.adapters.embedded.isolation import SUSPECT_DEATHS, Isolation
from compostela.adapters.embedded.ownership import Ownership
from tests.contracts.distance import stays_silent


@pytest.fixture
def in_work(tmp_path: Path) -> InWork:
    return InWork(Ownership(tmp_path / "owners"))


def noted(in_work: InWork) -> dict[int, bool]:
    return in_work._read(in_work._path) or {}


async def test_a_suspect_waits_for_those_in_work_and_keeps_the_next_waiting(in_work: InWork) -> None:
    entries = Isolation(in_work)
    await entries.enter(1, 0)
    await entries.enter(2, 1)
    suspect = asyncio.ensure_future(entries.enter(3, SUSPECT_DEATHS))
    assert await stays_silent(suspect, 0)
    usual, second = asyncio.ensure_future(entries.enter(4, 0)), asyncio.ensure_future(entries.enter(5, SUSPECT_DEATHS))
    assert await stays_silent(usual, 0)
    entries.leave(1)
    assert await stays_silent(suspect, 0)
    entries.leave(2)
    await suspect
    assert noted(in_work) == {3: True}
    assert await stays_silent(usual, 0)
    assert await stays_silent(second, 0)
    entries.leave(3)
    await usual
    assert noted(in_work) == {4: False}
    entries.leave(4)
    await second
    assert noted(in_work) == {5: True}


async def test_a_suspect_that_takes_long_lets_the_others_go_on(
    in_work: InWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "ALONE_SECONDS", 0.01)
    entries = Isolation(in_work)
    await entries.enter(1, SUSPECT_DEATHS)
    await asyncio.wait_for(entries.enter(2, 0), 10)
    assert noted(in_work) == {1: False, 2: False}, "a death now is not one alone"


async def test_a_suspect_for_which_there_is_no_room_runs_beside_the_others(
    in_work: InWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "ROOM_SECONDS", 0.01)
    entries = Isolation(in_work)
    await entries.enter(1, 0)
    await asyncio.wait_for(entries.enter(2, SUSPECT_DEATHS), 10)
    await asyncio.wait_for(entries.enter(3, 0), 10)
    assert noted(in_work) == {1: False, 2: False, 3: False}


async def test_a_suspect_that_is_cancelled_while_it_waits_lets_the_others_in(in_work: InWork) -> None:
    entries = Isolation(in_work)
    await entries.enter(1, 0)
    suspect = asyncio.ensure_future(entries.enter(2, SUSPECT_DEATHS))
    usual = asyncio.ensure_future(entries.enter(3, 0))
    assert await stays_silent(usual, 0)
    suspect.cancel()
    await asyncio.wait_for(usual, 10)
    assert noted(in_work) == {1: False, 3: False}
