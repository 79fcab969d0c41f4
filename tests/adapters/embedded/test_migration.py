"""A data folder of the release before is migrated whole or not at all.

`schema-3.tar.gz` was made by that release: an INBOX with flags, keywords, an expunge and recent messages, copies of two of them,
a mail in the queue, two in a repository of which an unfinished LMTP run stored one, a user, a domain and a mapping."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import apsw
import pytest

from compostela.adapters.embedded import store as store_module
from compostela.adapters.embedded.database import DATABASE_NAME, connect, translated
from compostela.adapters.embedded.ownership import FolderInUse, Ownership, check_unused
from compostela.adapters.embedded.schema import MIGRATIONS, NewerSchema, migrate
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull
from compostela.core.mail.ports import UnqueuedRuns
from compostela.core.repository.ports import RepositoryUrl
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.domain import Domain
from compostela.model.flags import NO_FLAGS, Flags, SystemFlag
from compostela.model.numbers import ModSeq, Uid
from compostela.testing.mails import address
from tests import databases
from tests.contracts.mailbox_parts import BOB, DELETED, SEEN, flags_of, path
from tests.full_disk import Filler, small_disk

ARCHIVE = Path(__file__).parents[2] / "data" / "upgrade" / "schema-3.tar.gz"
OLD_VERSION = 3
DISK_BYTES = 20 * 1024 * 1024
PAGE_BYTES = 4096
STEPS = [statement for migration in MIGRATIONS[OLD_VERSION:] for statement in migration]
KILLED_AT = """
import os, signal, sys
from pathlib import Path
from compostela.adapters.embedded.database import connect
from compostela.adapters.embedded.schema import migrate
connection, left = connect(Path(sys.argv[1])), int(sys.argv[2])
def trace(cursor, statement, bindings):
    global left
    if statement.startswith(("PRAGMA user_version =", "COMMIT", "ALTER", "CREATE", "DROP", "UPDATE", "INSERT")):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
    return True
connection.exec_trace = trace
migrate(connection, lambda: None)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack(tmp_path)


def unpack(target: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        # Debian 12 has Python 3.11.2, whose extractall takes no filter
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(target)
    return target / "data"


def version_of(folder: Path) -> int:
    connection = databases.opened(folder)
    try:
        return int(connection.execute("PRAGMA user_version").get)
    finally:
        connection.close()


def run_to_end(command: list[str]) -> int:
    return subprocess.run(command, check=False).returncode


def is_refused_for_room(database: Path, pages: int | None = None) -> bool:
    """Migrates, with at most `pages` in the database; whether the disk was too full for it."""
    try:
        connection = connect(database)
        try:
            if pages is not None:
                connection.execute(f"PRAGMA max_page_count = {pages}")
            migrate(connection, lambda: None)
        finally:
            connection.close()
    except apsw.Error as error:
        if isinstance(translated(error), StorageFull):
            return True
        raise
    return False


async def check_whole(folder: Path) -> None:
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    try:
        await check_mailboxes(store)
        await check_mails(store, store.runs)
        assert await store.users.password_hash(BOB) == "hash-of-bob"
        assert await store.domains.contains(Domain("example.org"))
        source = MappingSource.of_address(address("info@example.org"))
        assert await store.rewriting.mappings(source) == [Mapping(MappingType.ALIAS, "bob@example.org")]
    finally:
        await store.close()


async def check_mailboxes(store: EmbeddedStore) -> None:
    inbox, work = await store.mailboxes.find(path("INBOX")), await store.mailboxes.find(path("Work"))
    assert inbox is not None
    assert work is not None
    head = await store.mailboxes.head(inbox.id)
    assert (head.uid_next, head.highest_modseq, head.messages, head.unseen, head.deleted) == (9, 7, 7, 4, 1)
    assert (head.size_bytes, head.first_recent_uid, head.recent) == (3190, 7, 2)
    assert head.keywords == {"$Forwarded", "urgent"}
    marked = Flags.of(SystemFlag.SEEN, keywords=("$Forwarded", "urgent"))
    expected = {1: SEEN, 2: marked, 3: SEEN, 5: DELETED, 6: NO_FLAGS, 7: NO_FLAGS, 8: NO_FLAGS}
    assert await flags_of(store.mailboxes, inbox.id) == expected
    assert await flags_of(store.mailboxes, work.id) == {1: SEEN, 2: marked}
    stored = await store.mailboxes.message(inbox.id, Uid(7))
    assert stored is not None
    assert await stored.content.body.read() == b"x" * 3000
    assert not (await store.mailboxes.log(inbox.id, ModSeq(6))).complete, "what came before is in no log"
    assert (await store.mailboxes.log(inbox.id, head.highest_modseq)).complete
    assert await store.mailboxes.subscriptions(BOB) == ["Work"]


async def check_mails(store: EmbeddedStore, runs: UnqueuedRuns) -> None:
    spool = store.queues.queue("spool")
    assert await spool.size() == 1
    item = await spool.dequeue()
    assert (item.mail.recipients, await item.mail.content.body.read()) == ([address("bob@example.org")], b"Hello.\r\n")
    await item.done()
    assert await spool.size() == 0
    repository = await store.repositories.find(RepositoryUrl.parse("file://var/mail/error/"))
    assert repository is not None
    assert await repository.size() == 2
    assert (await runs.entry(b"\x01\x02")).startswith("run-0102-01m8hxgdmd"), "the unfinished run is taken up"


async def test_a_folder_of_the_release_before_opens_whole(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert version_of(folder) == OLD_VERSION
    with caplog.at_level(logging.INFO):
        await check_whole(folder)
    assert version_of(folder) == len(MIGRATIONS)
    told = [record.getMessage() for record in caplog.records if "data folder migration" in record.getMessage()]
    assert [text.split(":")[0] for text in told] == ["data folder migration begins", "data folder migration is done"]


@pytest.mark.slow
async def test_a_migration_killed_at_any_step_loses_nothing(tmp_path: Path) -> None:
    # the statements, then the version, then the commit
    for step in range(len(STEPS) + 2):
        folder = unpack(tmp_path / str(step))
        child = [sys.executable, "-c", KILLED_AT, str(folder / DATABASE_NAME), str(step)]
        assert await asyncio.to_thread(run_to_end, child) == -signal.SIGKILL
        assert version_of(folder) == OLD_VERSION
        await check_whole(folder)


async def test_a_database_that_may_not_grow_keeps_the_old_version(folder: Path) -> None:
    size, refused = (folder / DATABASE_NAME).stat().st_size // PAGE_BYTES, 0
    while is_refused_for_room(folder / DATABASE_NAME, size + refused):
        assert version_of(folder) == OLD_VERSION
        refused += 1
    assert refused > 0
    await check_whole(folder)


@pytest.mark.slow
async def test_a_disk_full_at_any_write_keeps_the_old_version(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        folder = unpack(disk)
        filler, refused = disk / "filler", 0
        for room in range(0, DISK_BYTES, PAGE_BYTES):
            Filler(filler).fill()
            os.truncate(filler, filler.stat().st_size - room)
            is_refused = is_refused_for_room(folder / DATABASE_NAME)
            filler.unlink()
            if not is_refused:
                break
            assert version_of(folder) == OLD_VERSION
            refused += 1
        assert refused > 10
        await check_whole(folder)


async def test_a_folder_in_use_by_an_older_process_is_not_migrated(folder: Path) -> None:
    older = Ownership(folder / "owners")
    with pytest.raises(FolderInUse, match="stop every server on"):
        await EmbeddedStore.open(folder, reserve_bytes=0)
    assert version_of(folder) == OLD_VERSION
    older.close()
    await check_whole(folder)


async def test_an_older_process_that_came_during_the_migration_undoes_it(folder: Path) -> None:
    asked = []

    def came_late() -> None:
        asked.append(True)
        if len(asked) == 2:
            raise FolderInUse("an older process came")

    connection = connect(folder / DATABASE_NAME)
    with pytest.raises(FolderInUse):
        migrate(connection, came_late)
    connection.close()
    assert version_of(folder) == OLD_VERSION
    await check_whole(folder)


async def test_a_process_that_takes_its_lock_after_the_last_look_for_locks_finds_the_newer_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await EmbeddedStore.open(tmp_path, reserve_bytes=0)).close()
    prepare = store_module._prepare
    newer: list[threading.Thread] = []

    def prepare_while_a_newer_release_migrates(folder: Path) -> None:
        prepare(folder)
        check_unused(folder / "owners")
        begun = threading.Event()
        newer.append(threading.Thread(target=migrate_on, args=(folder, begun)))
        newer[0].start()
        assert begun.wait(60)

    monkeypatch.setattr(store_module, "_prepare", prepare_while_a_newer_release_migrates)
    with pytest.raises(NewerSchema, match="start the release that wrote it"):
        await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    newer[0].join()
    check_unused(tmp_path / "owners")


def migrate_on(folder: Path, begun: threading.Event) -> None:
    """What a newer release does after its last look for locks, with its commit as late as the older process allows."""
    connection = connect(folder / DATABASE_NAME)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    begun.set()
    end = time.monotonic() + 60
    while time.monotonic() < end and not any(not path.suffix for path in (folder / "owners").iterdir()):
        time.sleep(0.001)
    connection.execute("COMMIT")
    connection.close()
