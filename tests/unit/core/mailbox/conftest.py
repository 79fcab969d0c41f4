"""A mailbox service on an embedded store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.core.mailbox.service import MailboxService
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[MailboxService]:
    clock = FakeClock()
    store = await open_store(tmp_path, clock)
    yield MailboxService(store.mailboxes, clock)
    await store.close()
