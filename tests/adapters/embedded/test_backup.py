"""A backup holds one moment of a data folder, whole, or is not there; so is what is restored from it."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compostela.adapters.embedded.backup import make_backup
from compostela.adapters.embedded.backup_files import SUMS_FILE, BackupError
from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.restoring import UID_GAP, restore
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import CompostelaError
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.model.mailbox_path import MailboxPath
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from tests.contracts.blobs import spilled
from tests.contracts.mailbox_parts import DATE, HEADER, octets_of
from tests.full_disk import small_disk

INBOX = MailboxPath.inbox(Username.parse("user@example.org"))
SMALL, LARGE = b"small", os.urandom(300_000)


def quiet(step: str, done: int, total: int) -> None:
    """The progress is ignored."""


async def append(store: EmbeddedStore, *bodies: bytes) -> None:
    mailbox = await store.mailboxes.find(INBOX) or await store.mailboxes.create(INBOX)
    for data in bodies:
        body: Body = MemoryBody(data) if len(data) < 1000 else await spilled(store.blobs, data)
        await store.mailboxes.append(mailbox.id, [NewMessage(MessageContent(HEADER, body), b"", DATE)])


async def used(folder: Path) -> Path:
    """A data folder with a small message, a large one, and what the server keeps beside them."""
    store = await EmbeddedStore.open(folder)
    await append(store, SMALL, LARGE)
    (folder / "webadmin.token").write_text("token")
    (folder / "tls").mkdir()
    (folder / "tls" / "key.pem").write_text("key")
    await store.close()
    return folder


async def bodies(folder: Path, count: int) -> list[bytes]:
    store = await EmbeddedStore.open(folder)
    mailbox = await store.mailboxes.find(INBOX)
    assert mailbox is not None
    found = [await octets_of(store.mailboxes, mailbox.id, uid) for uid in range(1, count + 1)]
    await store.close()
    return [octets.removeprefix(HEADER) for octets in found]


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
async def test_a_restored_folder_has_all_that_the_first_had(tmp_path: Path, name: str) -> None:
    data = await used(tmp_path / "data")
    before = os.umask(0)
    try:
        report = make_backup(data, tmp_path / name, quiet)
        assert restore(tmp_path / name, tmp_path / "new", quiet) == 0
    finally:
        os.umask(before)
    assert report.damaged == ()
    assert await bodies(tmp_path / "new", 2) == [SMALL, LARGE]
    assert (tmp_path / "new" / "tls" / "key.pem").read_text() == "key"
    for path in (tmp_path / name, *(tmp_path / name).rglob("*"), tmp_path / "new", *(tmp_path / "new").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_the_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    data = asyncio.run(used(tmp_path / "data"))
    make_backup(data, tmp_path / "copy", quiet)
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", SUMS_FILE], cwd=tmp_path / "copy", check=True)


async def test_a_backup_beside_a_running_store_has_what_came_before_and_keeps_its_files(tmp_path: Path) -> None:
    """Messages that are removed while the backup runs are in it, with their files."""
    data = await used(tmp_path / "data")
    store = await EmbeddedStore.open(data)
    await append(store, b"in the log only")
    mailbox = await store.mailboxes.find(INBOX)
    assert mailbox is not None
    steps = []

    def tell(step: str, done: int, total: int) -> None:
        steps.append((step, done, total))

    loop = asyncio.get_running_loop()

    def tell_and_remove(step: str, done: int, total: int) -> None:
        if step == "messages in files" and done == 0:
            asyncio.run_coroutine_threadsafe(remove(), loop).result()
        tell(step, done, total)

    async def remove() -> None:
        await store.mailboxes.remove(mailbox.id, UidSet([(1, 2)]))
        for _ in range(3):
            assert await store.collect_garbage() == 0

    await asyncio.to_thread(make_backup, data, tmp_path / "copy", tell_and_remove)
    for _ in range(3):
        await store.collect_garbage()
    await store.close()
    assert restore(tmp_path / "copy", tmp_path / "new", quiet) == 0
    assert await bodies(tmp_path / "new", 3) == [SMALL, LARGE, b"in the log only"]
    assert {step for step, _, _ in steps} == {"database", "messages in files", "check"}


async def test_new_messages_after_a_restore_have_uids_that_no_client_has_seen(tmp_path: Path) -> None:
    data = await used(tmp_path / "data")
    make_backup(data, tmp_path / "copy", quiet)
    restore(tmp_path / "copy", tmp_path / "new", quiet)
    store = await EmbeddedStore.open(tmp_path / "new")
    mailbox = await store.mailboxes.find(INBOX)
    assert mailbox is not None
    assert (await store.mailboxes.head(mailbox.id)).uid_next == UID_GAP + 3
    await append(store, b"after")
    assert (await octets_of(store.mailboxes, mailbox.id, UID_GAP + 3)).endswith(b"after")
    await store.close()


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    data = await used(tmp_path / "data")
    make_backup(data, tmp_path / "copy", quiet)
    for target, why in (
        (tmp_path / "copy", "exists"),
        (data / "copy", "inside of the data folder"),
        (tmp_path / "missing" / "copy", "does not exist"),
    ):
        with pytest.raises(BackupError, match=why):
            make_backup(data, target, quiet)
    with pytest.raises(BackupError, match="not empty"):
        restore(tmp_path / "copy", data, quiet)
    with pytest.raises(BackupError, match="is no data folder"):
        make_backup(tmp_path / "copy" / "tls", tmp_path / "other", quiet)
    with pytest.raises(BackupError, match="is no whole backup"):
        restore(data, tmp_path / "new", quiet)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
@pytest.mark.parametrize("what", ["changed", "cut", "missing"])
async def test_a_damaged_backup_is_not_restored(tmp_path: Path, name: str, what: str) -> None:
    data = await used(tmp_path / "data")
    backup = tmp_path / name
    make_backup(data, backup, quiet)
    (file,) = [backup] if backup.is_file() else [p for p in backup.glob("blobs/*/*") if p.stat().st_size == len(LARGE)]
    if what == "changed":
        octets = file.read_bytes()
        place = octets.index(LARGE) + 1000
        file.write_bytes(octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :])
    elif what == "cut":
        os.truncate(file, 200_000)
    else:
        file.unlink()
    with pytest.raises(BackupError, match=r"damaged|no whole|does not exist"):
        restore(backup, tmp_path / "new", quiet)
    assert not (tmp_path / "new").exists()


async def test_a_body_that_is_gone_before_is_told_of_and_the_rest_is_kept(tmp_path: Path) -> None:
    data = await used(tmp_path / "data")
    (file,) = [path for path in data.glob("blobs/*/*") if path.is_file()]
    file.unlink()
    report = make_backup(data, tmp_path / "copy", quiet)
    assert report.damaged == (f"{file.parent.name}/{file.name}",)
    assert restore(tmp_path / "copy", tmp_path / "new", quiet) == 1
    assert await bodies(tmp_path / "new", 1) == [SMALL]


KILLED = """
import os, signal, sys
from pathlib import Path
from compostela.adapters.embedded import backup, restoring

def tell(step, done, total):
    if step == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)

{"backup": backup.make_backup, "restore": restoring.restore}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]), tell)
"""


def killed(what: str, source: Path, target: Path, step: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, what, str(source), str(target), step], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
@pytest.mark.parametrize("step", ["database", "messages in files", "check"])
async def test_a_killed_backup_is_none(tmp_path: Path, name: str, step: str) -> None:
    data = await used(tmp_path / "data")
    killed("backup", data, tmp_path / name, step)
    assert not (tmp_path / name).exists()
    with pytest.raises(BackupError, match="one was interrupted"):
        make_backup(data, tmp_path / name, quiet)
    make_backup(data, tmp_path / f"second-{name}", quiet)
    restore(tmp_path / f"second-{name}", tmp_path / "new", quiet)
    assert await bodies(tmp_path / "new", 2) == [SMALL, LARGE]


async def test_no_server_starts_on_what_a_killed_restore_has_left(tmp_path: Path) -> None:
    data = await used(tmp_path / "data")
    make_backup(data, tmp_path / "copy", quiet)
    killed("restore", tmp_path / "copy", tmp_path / "new", "restore")
    assert not (tmp_path / "new" / DATABASE_NAME).exists()
    with pytest.raises(CompostelaError, match=r"the database .* is missing"):
        await EmbeddedStore.open(tmp_path / "new")
    with pytest.raises(BackupError, match="not empty"):
        restore(tmp_path / "copy", tmp_path / "new", quiet)


@pytest.mark.parametrize("make", [make_backup, restore])
@pytest.mark.parametrize("name", ["copy", "copy.tar"])
async def test_on_a_full_disk_nothing_is_left(
    tmp_path: Path, name: str, make: Callable[[Path, Path, Callable[[str, int, int], None]], object]
) -> None:
    data = await used(tmp_path / "data")
    make_backup(data, tmp_path / name, quiet)
    source = data if make is make_backup else tmp_path / name
    with small_disk(tmp_path / "disk", 512 * 1024) as disk:
        with pytest.raises(CompostelaError, match=r"No space left|disk is full"):
            make(source, disk / name, quiet)
        assert list(disk.iterdir()) == []
