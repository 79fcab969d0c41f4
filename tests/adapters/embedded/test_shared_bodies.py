"""Equal bodies are stored once: a copy that is gone or cut must not take new mails with it."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.write_lock import WriteLock
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.model.numbers import MailboxId
from tests import databases
from tests.contracts.blobs import spilled
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox, octets_of

INCOMPRESSIBLE = os.urandom(50_000)
TEXT = b"The quick brown fox jumps over the lazy dog.\r\n" * 1000
Damage = Callable[[Path], None]


def _change(folder: Path, statement: str) -> None:
    connection = databases.opened(folder)
    connection.execute(statement)
    connection.close()


def _file(folder: Path) -> Path:
    (file,) = (folder / "blobs").glob("*/*")
    return file


def _to_folder(folder: Path) -> None:
    file = _file(folder)
    file.unlink()
    file.mkdir()


ROW_DAMAGES: dict[str, Damage] = {
    "gone": lambda folder: _change(folder, "UPDATE blob SET data = NULL"),
    "cut": lambda folder: _change(folder, "UPDATE blob SET data = substr(data, 1, length(data) - 7)"),
    "cut to a few octets": lambda folder: _change(folder, "UPDATE blob SET data = substr(data, 1, 12)"),
    "emptied": lambda folder: _change(folder, "UPDATE blob SET data = x''"),
}
FILE_DAMAGES: dict[str, Damage] = {
    "gone": lambda folder: _file(folder).unlink(),
    "cut": lambda folder: os.truncate(_file(folder), 1000),
    "emptied": lambda folder: os.truncate(_file(folder), 0),
    "a folder": _to_folder,
}


async def _append(store: EmbeddedStore, mailbox: MailboxId, body: Body) -> int:
    message = NewMessage(MessageContent(HEADER, body), b"", DATE)
    return (await store.mailboxes.append(mailbox, [message]))[0].uid


async def _read(store: EmbeddedStore, mailbox: MailboxId, uid: int) -> bytes:
    return await octets_of(store.mailboxes, mailbox, uid)


async def _as_it_comes(store: EmbeddedStore, data: bytes, in_file: bool) -> Body:
    return await spilled(store.blobs, data) if in_file else MemoryBody(data)


@pytest.mark.parametrize("comes_in_file", [False, True], ids=["a row comes", "a file comes"])
@pytest.mark.parametrize("data", [INCOMPRESSIBLE, TEXT], ids=["plain", "packed"])
@pytest.mark.parametrize("damage", ROW_DAMAGES.values(), ids=ROW_DAMAGES)
async def test_a_damaged_row_does_not_take_new_mails_with_it(
    store: EmbeddedStore, tmp_path: Path, damage: Damage, data: bytes, comes_in_file: bool
) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await _append(store, mailbox, MemoryBody(data))
    damage(tmp_path)
    with pytest.raises(TemporaryFailure):
        await _read(store, mailbox, 1)
    await _append(store, mailbox, await _as_it_comes(store, data, comes_in_file))
    # the row is repaired, so that the older message is whole again too
    assert [await _read(store, mailbox, uid) for uid in (1, 2)] == [HEADER + data] * 2


@pytest.mark.parametrize("comes_in_file", [False, True], ids=["a row comes", "a file comes"])
@pytest.mark.parametrize("damage", FILE_DAMAGES.values(), ids=FILE_DAMAGES)
async def test_a_damaged_file_does_not_take_new_mails_with_it(
    store: EmbeddedStore, tmp_path: Path, damage: Damage, comes_in_file: bool, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await _append(store, mailbox, await spilled(store.blobs, INCOMPRESSIBLE))
    damage(tmp_path)
    with pytest.raises(TemporaryFailure):
        await _read(store, mailbox, 1)
    with caplog.at_level(logging.WARNING):
        await _append(store, mailbox, await _as_it_comes(store, INCOMPRESSIBLE, comes_in_file))
    assert [await _read(store, mailbox, uid) for uid in (1, 2)] == [HEADER + INCOMPRESSIBLE] * 2
    assert "repaired a stored body" in caplog.text


async def test_a_repair_outlasts_a_restart_and_a_sweep(store: EmbeddedStore, tmp_path: Path) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await _append(store, mailbox, await spilled(store.blobs, INCOMPRESSIBLE))
    os.truncate(_file(tmp_path), 1000)
    await _append(store, mailbox, await spilled(store.blobs, INCOMPRESSIBLE))
    await store.collect_garbage()
    await store.blob_garbage.sweep(grace_seconds=-1)
    again = await EmbeddedStore.open(tmp_path)
    assert [await _read(again, mailbox, uid) for uid in (1, 2)] == [HEADER + INCOMPRESSIBLE] * 2
    await again.close()


async def test_a_sound_copy_is_shared_and_the_new_file_goes(store: EmbeddedStore, tmp_path: Path) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await _append(store, mailbox, await spilled(store.blobs, INCOMPRESSIBLE))
    first = _file(tmp_path)
    await _append(store, mailbox, await spilled(store.blobs, INCOMPRESSIBLE))
    assert _file(tmp_path) == first


async def test_a_mail_whose_own_file_is_gone_is_not_accepted(store: EmbeddedStore, tmp_path: Path) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    body = await spilled(store.blobs, INCOMPRESSIBLE)
    await _append(store, mailbox, body)
    _file(tmp_path).unlink()
    # its file was the stored copy
    with pytest.raises(TemporaryFailure):
        await _append(store, mailbox, body)
    other = await spilled(store.blobs, TEXT)
    os.truncate(_file(tmp_path), 10)
    with pytest.raises(TemporaryFailure):
        await _append(store, mailbox, other)


async def test_a_repair_that_is_rolled_back_is_made_again(store: EmbeddedStore, tmp_path: Path) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await _append(store, mailbox, MemoryBody(TEXT))
    ROW_DAMAGES["cut"](tmp_path)
    body = MemoryBody(TEXT)

    def fail(tx: Transaction) -> None:
        store.blobs.put(tx, body)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._writer.run(fail)
    await _append(store, mailbox, body)
    assert [await _read(store, mailbox, uid) for uid in (1, 2)] == [HEADER + TEXT] * 2


async def test_bodies_are_packed_before_the_writers_lock_is_taken(store: EmbeddedStore, tmp_path: Path) -> None:
    mailbox, body = await a_mailbox(store.mailboxes), MemoryBody(TEXT)
    lock = WriteLock(tmp_path / DATABASE_NAME)
    with lock.held():
        appending = asyncio.create_task(_append(store, mailbox, body))
        await asyncio.sleep(0)  # one step of the task: it gets as far as the wait for the lock
        assert body.to_be_stored is not None
        assert not appending.done()
    uid = await appending
    assert body.to_be_stored is None  # memory that nobody needs any more
    assert (await _read(store, mailbox, uid)).endswith(TEXT)
    lock.close()
