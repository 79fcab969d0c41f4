"""A store in the test's folder, for contracts and tests of the embedded edition."""

from pathlib import Path

import apsw
import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.mailbox.ports import MailboxStore
from tests.contracts.blobs_by_id import GenerationsPass
from tests.contracts.effects import RememberedEffects
from tests.contracts.mailbox_messages import StoredOctets


@pytest.fixture
def mailboxes(store: EmbeddedStore) -> MailboxStore:
    return store.mailboxes


@pytest.fixture
def stored_octets(store: EmbeddedStore, tmp_path: Path) -> StoredOctets:
    async def count() -> int:
        connection = apsw.Connection(str(tmp_path / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
        rows = connection.execute("SELECT coalesce(sum(length(data)), 0) FROM blob").fetchone()[0]
        connection.close()
        return rows + sum(path.stat().st_size for path in (tmp_path / "blobs").glob("*/*"))

    return count


@pytest.fixture
def generations_pass(store: EmbeddedStore) -> GenerationsPass:
    async def collect() -> None:
        for _ in range(2):
            await store.collect_garbage()

    return collect


@pytest.fixture
def remembered_effects(store: EmbeddedStore, tmp_path: Path) -> RememberedEffects:
    async def count() -> int:
        connection = apsw.Connection(str(tmp_path / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
        rows: int = connection.execute("SELECT count(*) FROM effect").fetchone()[0]
        connection.close()
        return rows

    return count
