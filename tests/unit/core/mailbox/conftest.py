"""A mailbox service on an embedded store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.mailbox.service import MailboxService
from compostela.testing.clock import FakeClock


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[MailboxService]:
    clock = FakeClock()
    store = await EmbeddedStore.open(tmp_path, clock)
    yield MailboxService(store.mailboxes, clock)
    await store.close()
