"""What judges outside of the server keep to."""

import pytest

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.filtering.ports import BanList, FilterUnavailable, SpamScanner

BANNED, FREE = "192.0.2.66", "192.0.2.1"
SPAM_MARK = b"buy this"
SPAM = MessageContent(b"Subject: x\r\n\r\n", MemoryBody(SPAM_MARK + b"\r\n"))
HAM = MessageContent(b"Subject: x\r\n\r\n", MemoryBody(b"good day\r\n" * 100_000))


class SpamScannerContract:
    """A subclass gives `scanner`, for which `SPAM` is spam and `HAM` is not, and `silent_scanner`, whose judge says nothing."""

    ports = (SpamScanner,)

    async def test_spam_is_told_from_other_mail(self, scanner: SpamScanner) -> None:
        spam, ham = await scanner.scan(SPAM), await scanner.scan(HAM)
        assert spam.is_spam
        assert spam.score >= spam.required
        assert not ham.is_spam
        assert ham.score < ham.required

    async def test_silence_ends(self, silent_scanner: SpamScanner) -> None:
        with pytest.raises(FilterUnavailable):
            await silent_scanner.scan(SPAM)


class BanListContract:
    """A subclass gives `bans`, which bans `BANNED` alone, and `silent_bans`, which learns nothing."""

    ports = (BanList,)

    async def test_the_banned_are_told_from_others(self, bans: BanList) -> None:
        assert [await bans.bans(one) for one in (BANNED, FREE, BANNED)] == [True, False, True]

    async def test_whoever_is_not_known_to_be_banned_is_let_in(self, silent_bans: BanList) -> None:
        assert not await silent_bans.bans(BANNED)
