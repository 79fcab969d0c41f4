"""A store on a temporary folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.testing.data_folder import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, reserve_bytes=0)
    yield store
    await store.close()
