"""Searching bodies: exact, and within a memory that does not grow with the messages."""

import asyncio
import tracemalloc
from base64 import b64encode
from pathlib import Path

import pytest

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox import search as searching
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.search import Look, Needle, Query
from compostela.core.mailbox.service import MailboxService
from compostela.mime.headers import header_end
from compostela.model.mailbox_path import MailboxPath
from compostela.model.uid_set import MAX_UID, UidSet
from compostela.model.username import Username
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from tests.contracts.blobs import spilled

EVERYTHING = UidSet([(1, MAX_UID)])
BOB = Username.parse("bob@example.org")
MIB = 1024 * 1024
HEADER = b'Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'


def part(text: bytes, kind: bytes = b"text/plain; charset=utf-8", encoding: bytes = b"8bit") -> bytes:
    return b"--b\r\nContent-Type: %b\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n" % (kind, encoding, text)


def message(*parts: bytes) -> bytes:
    return HEADER + b"".join(parts) + b"--b--\r\n"


async def inbox_with(service: MailboxService, *messages: bytes) -> Mailbox:
    mailbox = await service.system.create(MailboxPath.inbox(BOB))
    for one in messages:
        end = header_end(one)
        await service.system.append(mailbox, MessageContent(one[:end], MemoryBody(one[end:])))
    return mailbox


async def found(service: MailboxService, mailbox: Mailbox, *texts: str) -> list[int]:
    """UIDs of the messages whose bodies have all the texts."""
    needles = [Needle(text) for text in texts]
    query = Query(
        Look.BODY,
        lambda _: None,
        lambda _, message: all(message.has_in_body(needle) for needle in needles),
        frozenset(needle.text for needle in needles),
    )
    return [row.uid for row in await service.system.search(mailbox, EVERYTHING, query)]


async def test_text_is_found_in_any_part_and_encoding(service: MailboxService) -> None:
    mailbox = await inbox_with(
        service,
        message(part(b"first"), part(b64encode("Größe".encode()), encoding=b"base64")),
        message(part(b"nothing"), part(b"<p>Gr&ouml;&szlig;e <b>fi</b>rst</p>", b"text/html")),
        message(part(b64encode(b"first"), b"application/octet-stream", b"base64")),
        b"Subject: plain\r\n\r\nFirst of all.\r\n",
    )
    assert await found(service, mailbox, "FIRST") == [1, 4]
    assert await found(service, mailbox, "grösse") == [1, 2]
    assert await found(service, mailbox, "first", "größe") == [1]
    assert await found(service, mailbox, "nowhere") == []
    assert await found(service, mailbox, "") == [1, 2, 3, 4]


@pytest.mark.parametrize("batch_bytes", [1, 40, 100_000])
async def test_results_do_not_depend_on_how_bodies_are_cut_into_batches(
    service: MailboxService, monkeypatch: pytest.MonkeyPatch, batch_bytes: int
) -> None:
    monkeypatch.setattr(searching, "MESSAGE_BATCH_BYTES", batch_bytes)
    texts = [b"alpha beta", b"gamma " * 20, b"beta " * 3, b"delta"]
    mailbox = await inbox_with(service, *(message(part(one), part(b"omega")) for one in texts))
    assert await found(service, mailbox, "beta") == [1, 3]
    assert await found(service, mailbox, "gamma", "omega") == [2]
    assert await found(service, mailbox, "omega") == [1, 2, 3, 4]


@pytest.mark.slow
async def test_many_searches_of_a_large_mail_hold_a_few_of_its_parts(tmp_path: Path) -> None:
    clock = FakeClock()
    store = await open_store(tmp_path, clock)
    service = MailboxService(store.mailboxes, clock)
    line = b"x" * 998 + b"\r\n"
    large = part(line * (6 * MIB // len(line)))
    attachment = part(line * (30 * MIB // len(line)), b"application/octet-stream")
    body = message(attachment, large, large, large, part(b"needle")).removeprefix(HEADER)
    mailbox = await service.system.create(MailboxPath.inbox(BOB))
    await service.system.append(mailbox, MessageContent(HEADER, await spilled(store.blobs, body)))
    tracemalloc.start()
    try:
        results = await asyncio.gather(
            *(found(service, mailbox, f"needle{'' if number % 2 else 'x'}") for number in range(8))
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert results == [[], [1]] * 4
    # each slot holds the octets of a part, its text, and that casefolded
    assert peak < 2 * 4 * 8 * MIB
    await store.close()
