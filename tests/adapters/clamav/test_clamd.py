"""The client of clamd keeps to the contract with a real clamd, and takes nothing for a verdict that is none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.clamav.clamd import Clamd
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.filtering.ports import FilterUnavailable
from tests.contracts.filtering import HAM, VirusScannerContract
from tests.filter_servers import ADDRESS, scanner_saying
from tests.scanner_daemons import HOST, SIGNATURE, VIRUS, clamd, needs_clamd

CHUNK = 8192


@contextlib.asynccontextmanager
async def clamd_saying(answer: bytes) -> AsyncIterator[int]:
    """The port of a server that reads to the end of the stream of chunks and then says its answer."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\x00")
        while size := int.from_bytes(await reader.readexactly(4)):
            await reader.readexactly(size)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(converse, ADDRESS, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@needs_clamd
@pytest.mark.timeout(300)
class TestClamd(VirusScannerContract):
    infected = MessageContent(b"Subject: x\r\n\r\n", MemoryBody(b"some text\r\n" + VIRUS + b"\r\n"))
    virus = f"{SIGNATURE}.UNOFFICIAL"

    @pytest.fixture
    async def scanner(self, tmp_path: Path) -> AsyncIterator[Clamd]:
        async with clamd(tmp_path) as port:
            yield Clamd(HOST, port, 60.0, CHUNK)

    @pytest.fixture
    async def silent_scanner(self) -> AsyncIterator[Clamd]:
        async with scanner_saying(None) as (port, _):
            yield Clamd(ADDRESS, port, 0.05, CHUNK)

    async def test_a_message_beyond_its_limit_is_not_called_clean(self, scanner: Clamd) -> None:
        with pytest.raises(FilterUnavailable):
            await scanner.scan(MessageContent(b"Subject: x\r\n\r\n", MemoryBody(b"x" * 20_000_000)))


@pytest.mark.parametrize(
    "answer", [b"", b"stream: \x00", b"OK\x00", b"INSTREAM size limit exceeded. ERROR\x00", b"x" * 100_000]
)
async def test_an_answer_that_is_none_is_no_verdict(answer: bytes) -> None:
    async with clamd_saying(answer) as port:
        with pytest.raises(FilterUnavailable):
            await Clamd(ADDRESS, port, 60, CHUNK).scan(HAM)


async def test_no_daemon_there() -> None:
    async with clamd_saying(b"") as port:
        pass
    with pytest.raises(FilterUnavailable):
        await Clamd(ADDRESS, port, 60, CHUNK).scan(HAM)
