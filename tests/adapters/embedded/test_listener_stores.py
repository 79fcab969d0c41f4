"""The embedded stores of listeners keep to the contracts, and cost what they should."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.events.ports import CursorStore, DeadLetters, EventSource
from compostela.core.events.usage import UsageStore
from tests.adapters.embedded.distance import eventually
from tests.contracts.listeners import (
    Collect,
    CursorsContract,
    DeadLettersContract,
    EventSourceContract,
    UsageContract,
)

__all__ = ["eventually"]


@pytest.fixture
def cursors(store: EmbeddedStore) -> CursorStore:
    return store.cursors


@pytest.fixture
async def elsewhere(store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    there = await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    yield there
    await there.close()


@pytest.fixture
def cursors_elsewhere(elsewhere: EmbeddedStore) -> CursorStore:
    return elsewhere.cursors


@pytest.fixture
def source_elsewhere(elsewhere: EmbeddedStore) -> EventSource:
    return elsewhere.event_source


@pytest.fixture
def letters_elsewhere(elsewhere: EmbeddedStore) -> DeadLetters:
    return elsewhere.dead_letters


@pytest.fixture
def usage_elsewhere(elsewhere: EmbeddedStore) -> UsageStore:
    return elsewhere.usage


@pytest.fixture
def source(store: EmbeddedStore) -> EventSource:
    return store.event_source


@pytest.fixture
def letters(store: EmbeddedStore) -> DeadLetters:
    return store.dead_letters


@pytest.fixture
def usage(store: EmbeddedStore) -> UsageStore:
    return store.usage


@pytest.fixture
def collect(store: EmbeddedStore) -> Collect:
    async def run() -> None:
        await store.collect_garbage()

    return run


class TestEmbeddedCursors(CursorsContract):
    pass


class TestEmbeddedEventSource(EventSourceContract):
    pass


class TestEmbeddedDeadLetters(DeadLettersContract):
    pass


class TestEmbeddedUsage(UsageContract):
    pass
