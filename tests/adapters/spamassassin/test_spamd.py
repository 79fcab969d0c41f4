"""The client of spamd keeps to the contract, and takes nothing for a verdict that is none."""

from collections.abc import AsyncIterator

import pytest

from compostela.adapters.spamassassin.spamd import Spamd
from compostela.core.filtering.ports import FilterUnavailable, SpamVerdict
from tests.contracts.filtering import HAM, SPAM_MARK, SpamScannerContract
from tests.filter_servers import ADDRESS, scanner_saying


def verdict(told: bytes) -> bytes:
    return b"SPAMD/1.1 0 EX_OK\r\nSpam: %b / 5.0\r\n\r\n" % (b"True ; 7.5" if SPAM_MARK in told else b"False ; -1.2")


class TestSpamd(SpamScannerContract):
    @pytest.fixture
    async def scanner(self) -> AsyncIterator[Spamd]:
        async with scanner_saying(verdict) as (port, _):
            yield Spamd(ADDRESS, port, 60.0)

    @pytest.fixture
    async def silent_scanner(self) -> AsyncIterator[Spamd]:
        async with scanner_saying(None) as (port, _):
            yield Spamd(ADDRESS, port, 0.05)


async def test_the_whole_message_is_asked_about() -> None:
    async with scanner_saying(verdict) as (port, told):
        assert await Spamd(ADDRESS, port, 60).scan(HAM) == SpamVerdict(False, -1.2, 5.0)
    message = await HAM.read()
    assert told == [b"CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % len(message) + message]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SPAMD/1.0 76 Bad header line: x\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1.2.3 / 5\r\n\r\n",
        b"x" * 1_000_000,
    ],
)
async def test_an_answer_that_is_none_is_no_verdict(answer: bytes) -> None:
    async with scanner_saying(answer) as (port, _):
        with pytest.raises(FilterUnavailable):
            await Spamd(ADDRESS, port, 60).scan(HAM)


async def test_nobody_there() -> None:
    async with scanner_saying(b"") as (port, _):
        pass
    with pytest.raises(FilterUnavailable):
        await Spamd(ADDRESS, port, 60).scan(HAM)
