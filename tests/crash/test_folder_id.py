"""A data folder of the release before gets its marks: the power may go at any moment of that start."""

import asyncio
import random
import tempfile
from pathlib import Path
from unittest import mock

import pytest

from compostela.adapters.embedded import store as store_module
from compostela.adapters.embedded.folder_id import ID_FILE
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.model import MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from tests.contracts.blobs import octets, spilled
from tests.contracts.mailbox_parts import DATE, HEADER, octets_of
from tests.crash.disk_states import Disk
from tests.crash.recording import Recorder

SEED = 7
STATES_OF_A_MOMENT = 3
BODY = octets(300_000)
INBOX = MailboxPath.inbox(Username.parse("user@example.org"))


async def _use(data: Path) -> None:
    store = await EmbeddedStore.open(data, reserve_bytes=0)
    mailbox = await store.mailboxes.create(INBOX)
    content = MessageContent(HEADER, await spilled(store.blobs, BODY))
    await store.mailboxes.append(mailbox.id, [NewMessage(content, b"", DATE)])
    await store.close()


async def _look(data: Path) -> None:
    store = await EmbeddedStore.open(data, reserve_bytes=0)
    mailbox = await store.mailboxes.find(INBOX)
    assert mailbox is not None
    assert await octets_of(store.mailboxes, mailbox.id, 1) == HEADER + BODY
    await store.close()
    assert (data / ID_FILE).read_text() == (data / "blobs" / ID_FILE).read_text() != ""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_loss_of_power_while_a_folder_gets_its_marks_shuts_no_server_out(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with recorder.recording():
        with mock.patch.object(store_module, "tie_parts"):
            asyncio.run(_use(tmp_path / "data"))
        assert not (tmp_path / "data" / ID_FILE).exists()
        begin = len(recorder.events)
        asyncio.run(_look(tmp_path / "data"))
    disk, dice = Disk(tmp_path), random.Random(SEED)
    for number, event in enumerate(recorder.events):
        disk.apply(number, event)
        if number < begin or event[0] == "write":
            continue
        for _ in range(STATES_OF_A_MOMENT):
            with tempfile.TemporaryDirectory() as state:
                disk.materialise(dice, Path(state) / "disk")
                asyncio.run(_look(Path(state) / "disk" / "data"))
