"""The embedded corpora of words: their contract, and their limit."""

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.token_corpora import EmbeddedTokenCorpora
from compostela.core.bayes.ports import Counts, Feed, TokenCorpora
from tests.adapters.embedded.distance import clock, elsewhere, faulty, store
from tests.contracts.bayes import EVERY, ONE, THREE, TWO, TokenCorporaContract, effect

__all__ = ["clock", "elsewhere", "faulty", "store"]


class TestEmbeddedTokenCorpora(TokenCorporaContract):
    @pytest.fixture
    def corpora(self, store: EmbeddedStore) -> TokenCorpora:
        return store.token_corpora

    @pytest.fixture
    def corpora_elsewhere(self, elsewhere: EmbeddedStore) -> TokenCorpora:
        return elsewhere.token_corpora


async def test_a_full_corpus_counts_what_it_knows(store: EmbeddedStore) -> None:
    corpora = EmbeddedTokenCorpora(store._writer, store._reader, most=2)
    await corpora.train("a", Feed.HAM, [[ONE], [TWO, ONE]], effect(0))
    await corpora.train("a", Feed.HAM, [[THREE, ONE]], effect(1))
    known = await corpora.look_up("a", EVERY)
    assert (known.messages, known.tokens) == (Counts(3, 0), {ONE: Counts(3, 0), TWO: Counts(1, 0)})
