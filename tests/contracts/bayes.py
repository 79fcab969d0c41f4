"""What corpora of words keep to."""

import asyncio

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.bayes.ports import Counts, Feed, TokenCorpora
from compostela.core.idempotency import Effect
from compostela.model.numbers import EffectKey, EntryId
from tests.contracts.distance import Faulty, cut_off

ONE, TWO, THREE = (bytes([number] * 8) for number in range(3))
EVERY = (ONE, TWO, THREE)


def effect(number: int = 0) -> Effect:
    return Effect(EntryId("entry"), EffectKey(f"bayes/{number}"))


class TokenCorporaContract:
    """A subclass gives `corpora`, the same as another process or node has it, `corpora_elsewhere`, and `faulty` of
    `tests.contracts.distance`."""

    ports = (TokenCorpora,)

    async def test_messages_and_their_tokens_are_counted(
        self, corpora: TokenCorpora, corpora_elsewhere: TokenCorpora
    ) -> None:
        empty = await corpora.look_up("a", EVERY)
        assert (empty.messages, empty.tokens) == (Counts(), {})
        await corpora.train("a", Feed.HAM, [[ONE, ONE, TWO], [ONE]], effect(0))
        await corpora_elsewhere.train("a", Feed.SPAM, [[TWO]], effect(1))
        await corpora.train("b", Feed.SPAM, [[THREE]], effect(2))
        for one in (corpora, corpora_elsewhere):
            known = await one.look_up("a", EVERY)
            assert known.messages == Counts(2, 1)
            assert known.tokens == {ONE: Counts(2, 0), TWO: Counts(1, 1)}
        assert (await corpora.look_up("a", [])).messages == Counts(2, 1)

    async def test_an_effect_happens_once(self, corpora: TokenCorpora, corpora_elsewhere: TokenCorpora) -> None:
        for one in (corpora, corpora_elsewhere, corpora):
            await one.train("a", Feed.HAM, [[ONE]], effect())
        assert (await corpora.look_up("a", EVERY)).tokens == {ONE: Counts(1, 0)}

    async def test_of_many_at_once_none_is_lost(self, corpora: TokenCorpora, corpora_elsewhere: TokenCorpora) -> None:
        stores = (corpora, corpora_elsewhere)
        await asyncio.gather(*(stores[n % 2].train("a", Feed.SPAM, [[ONE, TWO]], effect(n)) for n in range(20)))
        known = await corpora.look_up("a", EVERY)
        assert (known.messages, known.tokens) == (Counts(0, 20), {ONE: Counts(0, 20), TWO: Counts(0, 20)})

    async def test_an_unknown_outcome_may_be_repeated(
        self, corpora: TokenCorpora, corpora_elsewhere: TokenCorpora, faulty: Faulty
    ) -> None:
        with faulty.refuses(), pytest.raises(TemporaryFailure):
            await corpora.train("a", Feed.HAM, [[ONE]], effect())
        assert (await corpora_elsewhere.look_up("a", EVERY)).messages == Counts()
        with faulty.drops_answers(), pytest.raises(TemporaryFailure):
            await corpora.train("a", Feed.HAM, [[ONE]], effect())
        await corpora_elsewhere.train("a", Feed.HAM, [[ONE]], effect())
        known = await corpora.look_up("a", EVERY)
        assert (known.messages, known.tokens) == (Counts(1, 0), {ONE: Counts(1, 0)})

    async def test_training_may_be_cancelled_at_each_await(
        self, corpora: TokenCorpora, corpora_elsewhere: TokenCorpora
    ) -> None:
        step = 0
        while await cut_off(corpora.train("a", Feed.HAM, [[ONE, TWO]], effect(step)), step):
            await corpora_elsewhere.train("a", Feed.HAM, [[ONE, TWO]], effect(step))
            step += 1
            known = await corpora.look_up("a", EVERY)
            assert (known.messages, known.tokens) == (Counts(step, 0), {ONE: Counts(step, 0), TWO: Counts(step, 0)})
        assert step > 0, "the call was never cancelled"
