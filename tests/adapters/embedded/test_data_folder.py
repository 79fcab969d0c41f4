"""The parts of a data folder belong together: a folder without its database is not a new server."""

import asyncio
import logging
import os
import shutil
import time
from pathlib import Path

import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.folder_id import ID_FILE, WrongFolder
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from tests import databases
from tests.contracts.blobs import spilled
from tests.contracts.mailbox_parts import DATE, HEADER, octets_of

USER = Username.parse("user@example.org")
INBOX = MailboxPath.inbox(USER)
BODY = os.urandom(300_000)
DAY = 86_400


async def _use(folder: Path, *bodies: bytes) -> None:
    """Appends a message for each body, in a file of its own; a small one if there is none."""
    store = await EmbeddedStore.open(folder)
    mailbox = await store.mailboxes.find(INBOX) or await store.mailboxes.create(INBOX)
    for data in bodies or (b"small",):
        body: Body = await spilled(store.blobs, data) if bodies else MemoryBody(data)
        await store.mailboxes.append(mailbox.id, [NewMessage(MessageContent(HEADER, body), b"", DATE)])
    await store.close()


async def _read(folder: Path) -> bytes:
    store = await EmbeddedStore.open(folder)
    mailbox = await store.mailboxes.find(INBOX)
    assert mailbox is not None
    data = await octets_of(store.mailboxes, mailbox.id, 1)
    await store.close()
    return data


def _remove_database(folder: Path) -> None:
    for path in folder.glob(f"{DATABASE_NAME}*"):
        path.unlink()


def _without_marks(folder: Path) -> None:
    """As a release before this one left it."""
    connection = databases.opened(folder)
    connection.execute("DELETE FROM setting WHERE name = 'created-at'")
    connection.close()
    for path in (folder / ID_FILE, folder / "blobs" / ID_FILE):
        path.unlink()


def _files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs").glob("*/*")}


def _age(folder: Path, seconds: float) -> None:
    for path in (folder / "blobs").glob("*/*"):
        os.utime(path, (time.time() - seconds, time.time() - seconds))


@pytest.mark.parametrize("loss", ["missing", "emptied", "without tables"])
@pytest.mark.parametrize("marked", [True, False], ids=["with marks", "of the release before"])
async def test_a_folder_without_its_database_is_not_a_new_server(tmp_path: Path, loss: str, marked: bool) -> None:
    folder = tmp_path / "data"
    await _use(folder, BODY)
    if not marked:
        _without_marks(folder)
    shutil.copy(folder / DATABASE_NAME, tmp_path / "backup")
    _remove_database(folder)
    if loss == "emptied":
        (folder / DATABASE_NAME).touch()
    elif loss == "without tables":
        connection = databases.opened(folder)
        connection.execute("PRAGMA journal_mode=WAL; CREATE TABLE t (a); DROP TABLE t")
        connection.close()
    with pytest.raises(WrongFolder, match="put the database back from a backup"):
        await EmbeddedStore.open(folder)
    assert (folder / DATABASE_NAME).exists() == (loss != "missing")
    shutil.copy(tmp_path / "backup", folder / DATABASE_NAME)
    assert await _read(folder) == HEADER + BODY


async def test_a_used_folder_without_large_bodies_is_known_by_its_mark(tmp_path: Path) -> None:
    await _use(tmp_path)
    _remove_database(tmp_path)
    with pytest.raises(WrongFolder):
        await EmbeddedStore.open(tmp_path)


async def test_the_database_of_another_server_is_refused(tmp_path: Path) -> None:
    await _use(tmp_path / "one", BODY)
    await _use(tmp_path / "two", BODY)
    _remove_database(tmp_path / "one")
    shutil.copy(tmp_path / "two" / DATABASE_NAME, tmp_path / "one")
    with pytest.raises(WrongFolder, match="of two servers"):
        await EmbeddedStore.open(tmp_path / "one")


async def test_a_folder_of_bodies_that_is_not_mounted_is_missed(tmp_path: Path) -> None:
    await _use(tmp_path / "data", BODY)
    (tmp_path / "data" / "blobs").rename(tmp_path / "elsewhere")
    with pytest.raises(WrongFolder, match="mount it"):
        await EmbeddedStore.open(tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "blobs", ignore_errors=True)
    (tmp_path / "elsewhere").rename(tmp_path / "data" / "blobs")
    assert await _read(tmp_path / "data") == HEADER + BODY


async def test_a_restored_backup_is_tied_anew(tmp_path: Path) -> None:
    await _use(tmp_path / "data", BODY)
    (tmp_path / "restored").mkdir()
    shutil.copy(tmp_path / "data" / DATABASE_NAME, tmp_path / "restored")
    shutil.copytree(tmp_path / "data" / "blobs", tmp_path / "restored" / "blobs")
    assert await _read(tmp_path / "restored") == HEADER + BODY
    assert (tmp_path / "restored" / ID_FILE).exists()


@pytest.mark.parametrize("missing", [[ID_FILE], [f"blobs/{ID_FILE}", ID_FILE]])
async def test_a_folder_of_the_release_before_gets_its_marks(tmp_path: Path, missing: list[str]) -> None:
    await _use(tmp_path, BODY)
    for name in missing:  # also as a crash between the two marks leaves it
        (tmp_path / name).unlink()
    (tmp_path / f"{ID_FILE}.1").write_text("torn")
    assert await _read(tmp_path) == HEADER + BODY
    marks = [(tmp_path / name).read_text() for name in (ID_FILE, f"blobs/{ID_FILE}")]
    assert marks[0] == marks[1]
    assert marks[0].strip()


async def test_a_crash_of_an_older_release_between_tables_and_id_is_made_good(tmp_path: Path) -> None:
    await _use(tmp_path)
    _without_marks(tmp_path)
    connection = databases.opened(tmp_path)
    connection.execute("DELETE FROM setting")
    connection.close()
    await _use(tmp_path)
    assert await _read(tmp_path) == HEADER + b"small"


async def test_a_folder_that_several_make_at_once_is_one(tmp_path: Path) -> None:
    async def open_and_close() -> None:
        await (await EmbeddedStore.open(tmp_path / "data")).close()

    await asyncio.gather(*(asyncio.to_thread(asyncio.run, open_and_close()) for _ in range(16)))
    await _use(tmp_path / "data", BODY)
    assert await _read(tmp_path / "data") == HEADER + BODY


async def _collect(folder: Path, caplog: pytest.LogCaptureFixture) -> tuple[set[str], str | None]:
    """Two collections, as a body needs to be removed; the files that are left and what is said."""
    store = await EmbeddedStore.open(folder)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await store.collect_garbage()
    withheld = store.blob_garbage.withheld
    await store.close()
    return _files(folder), withheld


async def test_files_that_are_older_than_the_database_are_not_collected(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await _use(tmp_path, *(os.urandom(300_000) for _ in range(5)))
    known = _files(tmp_path)
    _age(tmp_path, 2 * DAY)
    foreign = tmp_path / "blobs" / "zz" / "foreign"
    foreign.parent.mkdir(exist_ok=True)  # a body may be there already
    foreign.write_bytes(b"a body that another database knew")
    os.utime(foreign, (time.time() - 2 * DAY, time.time() - 2 * DAY))
    files, withheld = await _collect(tmp_path, caplog)
    assert files == {*known, "foreign"}
    assert withheld is not None
    assert withheld in caplog.text


async def test_most_files_unknown_is_a_wrong_database_not_garbage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await _use(tmp_path, BODY)
    _without_marks(tmp_path)  # nothing is known of the age of the database
    shutil.copy(tmp_path / DATABASE_NAME, tmp_path / "old")
    await _use(tmp_path, *(os.urandom(300_000) for _ in range(2)))
    _remove_database(tmp_path)
    (tmp_path / "old").rename(tmp_path / DATABASE_NAME)
    _age(tmp_path, 2 * DAY)
    # nor a file whose last message the wrong database does not have any more
    store = await EmbeddedStore.open(tmp_path)
    await store.mailboxes.delete((await store.mailboxes.of_user(USER))[0].id)
    await store.close()
    files, withheld = await _collect(tmp_path, caplog)
    assert len(files) == 3
    assert withheld is not None
    assert "2 of 3" in withheld


async def test_a_file_that_nothing_refers_to_is_collected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _use(tmp_path, BODY)
    store = await EmbeddedStore.open(tmp_path)
    await store.mailboxes.delete((await store.mailboxes.of_user(USER))[0].id)
    await store.close()
    assert await _collect(tmp_path, caplog) == (set(), None)


async def test_what_a_crash_left_is_collected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _use(tmp_path, *(os.urandom(300_000) for _ in range(3)))
    known = _files(tmp_path)
    connection = databases.opened(tmp_path)
    connection.execute("UPDATE setting SET value = ? WHERE name = 'created-at'", (str(time.time() - 3 * DAY),))
    connection.close()
    left = tmp_path / "blobs" / "zz" / "left"
    left.parent.mkdir(exist_ok=True)  # a body may be there already
    left.write_bytes(b"half a body")
    _age(tmp_path, 2 * DAY)
    assert await _collect(tmp_path, caplog) == (known, None)
