"""A disk that is really full: a small file system in memory, filled to the last block."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.disk import RESERVE_FILE_BYTES, free_bytes
from compostela.adapters.embedded.folder_id import ID_FILE, tie_parts
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.core.queue.model import Selection
from compostela.core.repository.ports import RepositoryUrl
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.mailbox_path import MailboxPath
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from compostela.testing.mails import a_mail
from tests.full_disk import Filler, small_disk

DISK_BYTES = 80 * 1024 * 1024
USER = Username.parse("user@example.org")
BODY_BYTES = 40_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as folder:
        yield folder


def _body(number: int) -> bytes:
    return number.to_bytes(4, "big") + os.urandom(BODY_BYTES)


async def _enqueue_until_full(store: EmbeddedStore) -> int:
    """How many mails were accepted: the log may have blocks of its own for a while."""
    for number in range(2000):
        try:
            await store.queues.queue("spool").enqueue(a_mail("more", body=_body(number)), delay_seconds=3600)
        except StorageFull:
            return number
    raise AssertionError("the disk does not fill")


async def test_deletions_work_on_a_full_disk_and_nothing_is_lost(disk: Path) -> None:
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=0)
    filler = Filler(disk / "filler")
    store._reserve.restore()
    assert (disk / "data" / "reserve").stat().st_size == RESERVE_FILE_BYTES
    spool = store.queues.queue("spool")
    repository = await store.repositories.select(RepositoryUrl.parse("var/mail/error"))
    inbox = (await store.mailboxes.create(MailboxPath.inbox(USER))).id
    bodies = [_body(number) for number in range(60)]
    for number, body in enumerate(bodies):
        if number % 3 == 0:
            await spool.enqueue(a_mail(str(number), body=body), delay_seconds=3600)
        elif number % 3 == 1:
            await repository.store(a_mail(str(number), body=body))
        else:
            message = NewMessage(MessageContent(b"\r\n", MemoryBody(body)), b"", 0)
            await store.mailboxes.append(inbox, [message])

    # others take the rest: what comes is refused, in a row, in a file, and while it arrives
    spill = store.blobs.spill()
    filler.fill()
    accepted = await _enqueue_until_full(store)
    with pytest.raises(StorageFull):
        await repository.store(a_mail("more", body=_body(0)))
    with pytest.raises(StorageFull):
        await store.mailboxes.append(inbox, [NewMessage(MessageContent(b"\r\n", MemoryBody(_body(0))), b"", 0)])
    with pytest.raises(StorageFull):
        spill.write(bytes(2 * RESERVE_FILE_BYTES))
    spill.discard()
    filler.fill()

    # reading and letting go
    assert await spool.size() == 20 + accepted
    uids, _ = await store.mailboxes.uids(inbox)
    assert len(list(uids)) == 20
    stored = await store.mailboxes.message(inbox, next(iter(uids)))
    assert stored is not None
    assert await stored.content.body.read() == bodies[2]
    half = UidSet.of(list(uids)[:10])
    await store.mailboxes.store_flags(inbox, half, FlagsMode.ADD, Flags.of(SystemFlag.DELETED))
    assert len((await store.mailboxes.expunge(inbox))[0]) == 10
    assert await spool.delete(Selection(name="0")) == 1
    assert await repository.remove("1")
    assert await spool.delete() == 19 + accepted

    # with room, everything goes on, and the rest is there
    filler.remove()
    store._reserve.restore()
    assert (disk / "data" / "reserve").exists()
    await spool.enqueue(a_mail("again"), delay_seconds=3600)
    await store.close()
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=0)
    assert await store.queues.queue("spool").size() == 1
    repository = await store.repositories.select(RepositoryUrl.parse("var/mail/error"))
    kept = repository.keys()
    assert [key async for key in kept] == [str(number) for number in range(4, 60, 3)]
    for number in range(4, 60, 3):
        mail = await repository.retrieve(str(number))
        assert mail is not None
        assert await mail.content.body.read() == bodies[number]
    uids, _ = await store.mailboxes.uids(inbox)
    for uid, number in zip(uids, range(32, 60, 3), strict=True):
        stored = await store.mailboxes.message(inbox, uid)
        assert stored is not None
        assert await stored.content.body.read() == bodies[number]
    await store.close()


async def test_a_full_disk_does_not_stop_a_start(disk: Path) -> None:
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=0)
    await store.queues.queue("spool").enqueue(a_mail("one", body=_body(1)), delay_seconds=3600)
    await store.close()
    filler = Filler(disk / "filler")
    filler.fill()
    assert free_bytes(disk) == 0
    store = await EmbeddedStore.open(disk / "data")
    assert await store.queues.queue("spool").size() == 1
    assert await store.queues.queue("spool").delete() == 1
    await store.close()


async def test_a_full_disk_does_not_stop_the_start_that_gives_a_folder_its_id(disk: Path) -> None:
    await (await EmbeddedStore.open(disk / "data", reserve_bytes=0)).close()
    mark, *others = [disk / "data" / ID_FILE, disk / "data" / "blobs" / ID_FILE]
    folder_id = mark.read_text().strip()
    for path in (mark, *others):
        path.unlink()
    (disk / "data" / "reserve").unlink()
    filler = Filler(disk / "filler")
    filler.fill()
    tie_parts(disk / "data", folder_id, has_files=True)
    assert not [path for path in disk.rglob(f"{ID_FILE}*") if path.is_file()]
    filler.remove()
    await (await EmbeddedStore.open(disk / "data", reserve_bytes=0)).close()
    assert {path.read_text().strip() for path in (mark, *others)} == {folder_id}


async def test_a_mailbox_is_opened_while_only_deletions_are_written(disk: Path) -> None:
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=0)
    inbox = await store.mailboxes.create(MailboxPath.inbox(USER))
    await store.mailboxes.append(inbox.id, [NewMessage(MessageContent(b"\r\n", MemoryBody(b"x")), b"", 0)])
    Filler(disk / "filler").fill()
    assert store._reserve.release()
    with pytest.raises(StorageFull):
        await store.mailboxes.take_recent(inbox.id)
    for _ in range(2):
        opened = await store.mailboxes.open(inbox.id, take_recent=True)
        assert (len(opened.uids), opened.first_recent_uid) == (1, 1)
    await store.close()


@pytest.mark.slow
@pytest.mark.parametrize("consumers", [1, 8])
async def test_many_deletions_do_not_use_the_reserve_up(disk: Path, consumers: int) -> None:
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=0)
    repository = await store.repositories.select(RepositoryUrl.parse("var/mail/error"))
    names = [str(number) for number in range(4000)]
    await asyncio.gather(*(repository.store(a_mail(name, body=os.urandom(3000))) for name in names))
    Filler(disk / "filler").fill()
    random.Random(1).shuffle(names)

    async def consume() -> None:
        while names:
            assert await repository.remove(names.pop())

    await asyncio.gather(*(consume() for _ in range(consumers)))
    assert await repository.size() == 0
    await store.close()


async def test_deleted_rows_are_room(disk: Path) -> None:
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=0)
    spool = store.queues.queue("spool")
    for number in range(200):
        await spool.enqueue(a_mail(str(number), body=_body(number)), delay_seconds=3600)
    await store.close()
    reserve = free_bytes(disk) + 1024 * 1024
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=reserve)
    with pytest.raises(StorageFull):
        await store.queues.queue("spool").enqueue(a_mail())
    await store.queues.queue("spool").delete()
    await store.collect_garbage()
    assert await store.collect_garbage() == 200
    await store.close()
    store = await EmbeddedStore.open(disk / "data", reserve_bytes=reserve)
    await store.queues.queue("spool").enqueue(a_mail())
    with pytest.raises(StorageFull):
        store.blobs.spill()
    await store.close()
