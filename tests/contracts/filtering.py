"""What judges outside of the server keep to."""

import asyncio

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.filtering.ports import (
    BanList,
    FilterUnavailable,
    GreylistStore,
    MailFacts,
    MailJudge,
    SeenTriplet,
    SpamScanner,
    VirusScanner,
)
from compostela.testing.clock import START
from tests.contracts.distance import Faulty, cut_off

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


class VirusScannerContract:
    """A subclass gives `scanner`, which finds the virus named `virus` in the message `infected`, and none in `HAM`, and `silent_scanner`,
    whose judge says nothing."""

    ports = (VirusScanner,)
    infected: MessageContent
    virus: str

    async def test_a_virus_is_found(self, scanner: VirusScanner) -> None:
        assert await scanner.scan(self.infected) == self.virus
        assert await scanner.scan(HAM) is None

    async def test_silence_ends(self, silent_scanner: VirusScanner) -> None:
        with pytest.raises(FilterUnavailable):
            await silent_scanner.scan(HAM)


FACTS = MailFacts("name", "a@b.example", ("bob@example.org", "ann@example.org"), "192.0.2.1", "mail.b.example", "éva")


class MailJudgeContract:
    """A subclass gives `judge`, which rejects the message `spam` and not `HAM`, and `silent_judge`, which says nothing."""

    ports = (MailJudge,)
    spam: MessageContent

    async def test_spam_is_told_from_other_mail(self, judge: MailJudge) -> None:
        spam, ham = await judge.judge(self.spam, FACTS), await judge.judge(HAM, FACTS)
        assert spam.action == "reject"
        assert spam.score >= spam.required
        assert ham.action != "reject"
        assert ham.score < ham.required
        assert not ham.has_virus

    async def test_silence_ends(self, silent_judge: MailJudge) -> None:
        with pytest.raises(FilterUnavailable):
            await silent_judge.judge(HAM, FACTS)


class BanListContract:
    """A subclass gives `bans`, which bans `BANNED` alone, and `silent_bans`, which learns nothing."""

    ports = (BanList,)

    async def test_the_banned_are_told_from_others(self, bans: BanList) -> None:
        assert [await bans.bans(one) for one in (BANNED, FREE, BANNED)] == [True, False, True]

    async def test_whoever_is_not_known_to_be_banned_is_let_in(self, silent_bans: BanList) -> None:
        assert not await silent_bans.bans(BANNED)


class GreylistStoreContract:
    """A subclass gives `greylist`, the same as another process or node has it with a skewed clock, `greylist_elsewhere`, and
    `faulty` of `tests.contracts.distance`."""

    ports = (GreylistStore,)

    async def test_the_last_word_about_a_triplet_counts_everywhere(
        self, greylist: GreylistStore, greylist_elsewhere: GreylistStore
    ) -> None:
        one, other = bytes(16), bytes(range(16))
        first, second = SeenTriplet(START, START + 1, False), SeenTriplet(START, START + 0.5, True)
        assert await greylist.find(one) is None
        await greylist.remember(one, first)
        assert await greylist.find(one) == await greylist_elsewhere.find(one) == first
        await greylist_elsewhere.remember(one, second)
        assert await greylist.find(one) == second
        assert await greylist.find(other) is None

    async def test_of_two_at_once_either_wins(self, greylist: GreylistStore, greylist_elsewhere: GreylistStore) -> None:
        words = [SeenTriplet(START + n, START + 60 + n, False) for n in range(8)]
        stores = (greylist, greylist_elsewhere)
        await asyncio.gather(*(stores[n % 2].remember(bytes(16), word) for n, word in enumerate(words)))
        assert await greylist.find(bytes(16)) in words

    async def test_a_word_with_an_unknown_outcome_may_be_repeated(
        self, greylist: GreylistStore, greylist_elsewhere: GreylistStore, faulty: Faulty
    ) -> None:
        key, first, second = bytes(16), SeenTriplet(START, START + 1, False), SeenTriplet(START, START + 2, True)
        await greylist.remember(key, first)
        with faulty.refuses(), pytest.raises(TemporaryFailure):
            await greylist.remember(key, second)
        assert await greylist_elsewhere.find(key) == first
        with faulty.drops_answers(), pytest.raises(TemporaryFailure):
            await greylist.remember(key, second)
        assert await greylist_elsewhere.find(key) in (first, second)
        with faulty.delays():
            await greylist.remember(key, second)
        assert await greylist.find(key) == await greylist_elsewhere.find(key) == second

    async def test_a_word_may_be_cancelled_at_each_await(
        self, greylist: GreylistStore, greylist_elsewhere: GreylistStore
    ) -> None:
        step, key, last = 0, bytes(16), SeenTriplet(START, START + 1, True)
        while await cut_off(greylist.remember(key, SeenTriplet(START, START + 2, False)), step):
            await greylist.remember(key, last)
            assert await greylist.find(key) == await greylist_elsewhere.find(key) == last
            step += 1
        assert step > 0, "the call was never cancelled"
