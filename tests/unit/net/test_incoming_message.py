"""A message that arrives octet by octet costs no more than its length."""

import errno
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.net.incoming_message import MAX_HEADER_BYTES, MEMORY_BYTES, IncomingMessage
from compostela.testing.data_folder import open_store

SEVERAL_SECONDS = 20.0


@pytest.mark.slow
async def test_a_header_that_never_ends_is_not_looked_through_at_each_octet(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    try:
        message = IncomingMessage(store.blobs, 0)
        start = time.thread_time()
        for _ in range(MAX_HEADER_BYTES // 4 + 1):
            message.write(b"X: y")
        assert message.header_too_large or len((await message.finish()).header) <= MAX_HEADER_BYTES + 4
        assert time.thread_time() - start < SEVERAL_SECONDS
    finally:
        await store.close()


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 700])
async def test_pieces_are_put_together(tmp_path: Path, step: int) -> None:
    store = await open_store(tmp_path)
    octets = b"Subject: x\r\n\r\n" + b"x" * (MEMORY_BYTES - 100)
    try:
        message = IncomingMessage(store.blobs, 0)
        tracemalloc.start()
        for at in range(0, len(octets), step):
            message.write(octets[at : at + step])
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kept < 3 * MEMORY_BYTES
        assert await (await message.finish()).read() == octets
    finally:
        await store.close()


async def test_a_message_that_could_not_be_finished_closes_no_file_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its descriptor is closed once: the number may belong to another file by the time that the session ends."""

    def fails(_descriptor: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    store = await open_store(tmp_path)
    try:
        message = IncomingMessage(store.blobs, 0)
        message.write(b"Subject: x\r\n\r\n" + b"x" * 2 * MEMORY_BYTES)
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fails)
            with pytest.raises(TemporaryFailure):
                await message.finish()
        others = [os.open(tmp_path, os.O_RDONLY) for _ in range(10)]
        message.discard()
        for other in others:
            os.close(other)
    finally:
        await store.close()
