"""Words become tokens, and tokens a probability."""

import pytest

from compostela.core.bayes.judgement import MAX_TOKENS, probability, tokens
from compostela.core.bayes.ports import TOKEN_BYTES, Corpus, Counts

SPAMMY, HAMMY, RARE = (bytes([number] * TOKEN_BYTES) for number in range(3))
CORPUS = Corpus(Counts(100, 100), {SPAMMY: Counts(0, 50), HAMMY: Counts(50, 0), RARE: Counts(0, 4)})


def test_a_word_counts_once_and_by_its_place() -> None:
    assert tokens([("", "Buy buy, BUY. a an")]) == tokens([("", "buy")])
    assert len(tokens([("", "buy"), ("subject", "buy")])) == 2
    assert all(len(one) == TOKEN_BYTES for one in tokens([("", "Überraschung \ud800xyz")]))


def test_the_number_of_words_is_limited() -> None:
    assert len(tokens([("", " ".join(f"word{number}" for number in range(MAX_TOKENS + 10)))])) == MAX_TOKENS


@pytest.mark.parametrize(
    ("message", "least", "most"),
    [([SPAMMY], 0.98, 1.0), ([HAMMY], 0.0, 0.02), ([SPAMMY, HAMMY], 0.49, 0.51), ([RARE], 0.39, 0.41), ([], 0.5, 0.5)],
)
def test_probability(message: list[bytes], least: float, most: float) -> None:
    found = probability(CORPUS, message)
    assert found is not None
    assert least <= found <= most


@pytest.mark.parametrize("messages", [Counts(), Counts(5, 0), Counts(0, 5)])
def test_a_corpus_of_one_kind_tells_nothing(messages: Counts) -> None:
    assert probability(Corpus(messages, {}), [SPAMMY]) is None
