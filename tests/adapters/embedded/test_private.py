"""Only the server's user can read what the store writes, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.private import open_to_others
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from tests.contracts.blobs import spilled
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder.parent)): stat.S_IMODE(path.stat().st_mode)
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink()
    }


@pytest.mark.usefixtures("umask")
async def test_what_the_store_makes_is_private_whatever_the_umask(tmp_path: Path) -> None:
    data = tmp_path / "above" / "data"
    store = await EmbeddedStore.open(data)
    mailbox = await a_mailbox(store.mailboxes)
    for body in (await spilled(store.blobs, os.urandom(300_000)), MemoryBody(b"small")):
        await store.mailboxes.append(mailbox, [NewMessage(MessageContent(HEADER, body), b"", DATE)])
    found = modes(data.parent)
    await store.close()
    assert {f"above/data/compostela.sqlite{suffix}" for suffix in ("", "-wal", "-shm")} <= found.keys()
    wrong = {name: oct(mode) for name, mode in found.items() if mode not in (0o600, 0o700)}
    assert wrong == {}
    assert open_to_others(data) is None


async def test_a_folder_that_others_may_read_is_told_of_and_left(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await (await EmbeddedStore.open(data)).close()
    data.chmod(0o750)
    (data / "compostela.sqlite").chmod(0o644)
    told = open_to_others(data)
    assert told is not None
    for part in (f"{data} (0750)", "compostela.sqlite (0644)", f"chmod -R go= {data}"):
        assert part in told
    await (await EmbeddedStore.open(data)).close()
    assert stat.S_IMODE(data.stat().st_mode) == 0o750
