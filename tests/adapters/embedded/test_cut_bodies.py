"""A stored body that lacks octets is never given as if it were whole."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import Body, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.core.outbound.ports import SendOptions, Wishes
from compostela.model.numbers import Uid
from compostela.net.outbound.client import SmtpClient
from tests.contracts.blobs import octets, spilled
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox
from tests.contracts.outbound import BOB, CAROL, EVERY_FEATURE, HOST, LARGE, Peer

SIZE = 600_000
Cut = Callable[[], None]


async def stored(store: EmbeddedStore, data: bytes) -> tuple[Body, Cut]:
    """A body in a file, and what cuts the file."""
    mailbox = await a_mailbox(store.mailboxes)
    body = await spilled(store.blobs, data)
    await store.mailboxes.append(mailbox, [NewMessage(MessageContent(HEADER, body), b"", DATE)])
    message = await store.mailboxes.message(mailbox, Uid(1))
    assert message is not None
    (path,) = [path for path in store.blobs.folder.rglob("*") if path.stat().st_size > 256 * 1024]
    return message.content.body, lambda: os.truncate(path, 300_000)


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_cut_file_is_an_error_and_no_shorter_body(store: EmbeddedStore, is_open: bool) -> None:
    body, cut = await stored(store, octets(SIZE))
    if is_open:
        body = await body.opened()
    cut()
    with pytest.raises(TemporaryFailure):
        await body.opened()
    with pytest.raises(TemporaryFailure):
        await body.read()
    with pytest.raises(TemporaryFailure):
        await body.read(299_999, 2)
    with pytest.raises(TemporaryFailure):
        [chunk async for chunk in body.chunks()]
    with pytest.raises(TemporaryFailure):
        await body.apply(len)


async def test_an_open_body_outlives_its_file(store: EmbeddedStore, tmp_path: Path) -> None:
    data = octets(SIZE)
    body, _ = await stored(store, data)
    held = await body.opened()
    for path in store.blobs.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    assert await held.read() == data
    with pytest.raises(TemporaryFailure):
        await body.opened()


@pytest.mark.parametrize("how", ["DATA", "BDAT"])
async def test_a_cut_body_is_never_sent_as_a_whole_message(store: EmbeddedStore, how: str) -> None:
    """The file is cut after the client has looked at the body, before it sends it."""
    data = LARGE + (b"\x00\r\n" if how == "BDAT" else b"\r\n") * 100_000
    body, cut = await stored(store, data)
    wishes = Wishes(binary=how == "BDAT")
    features = (*EVERY_FEATURE, "CHUNKING", "BINARYMIME")

    class Cutting(Peer):
        def _say(self, writer: asyncio.StreamWriter, text: str, verb: str) -> bool:
            if verb == "RCPT":
                cut()
            return super()._say(writer, text, verb)

    async with Cutting(features=features).running() as peer:
        result = await SmtpClient().send(
            HOST, peer.port, BOB, [CAROL], MessageContent(HEADER, body), SendOptions("a.example"), wishes
        )
    assert not result.delivered
    assert CAROL in result.refused
    assert not peer.data
    assert "BDAT 0 LAST" not in peer.lines
