"""A manager on an embedded store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.mailbox.manager import MailboxManager
from tests.contracts.fakes import FakeClock


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[MailboxManager]:
    clock = FakeClock()
    store = await EmbeddedStore.open(tmp_path, clock)
    yield MailboxManager(store.mailboxes, clock)
    await store.close()
