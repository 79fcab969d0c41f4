"""Tokens of a message, and the probability that it is spam (after Paul Graham's "A Plan for Spam", 2002)."""

import math
import re
from collections.abc import Iterable
from hashlib import blake2b

from compostela.core.bayes.ports import TOKEN_BYTES, Corpus, Counts

MAX_TOKENS = 5000
"""Different words of one message; those after them are passed over."""
_WORD = re.compile(r"[\w$€£!'’.-]{3,40}")
_SEEN_AT_LEAST = 5
"""A word that was in fewer messages says nothing."""
_CHOSEN = 15
"""The words that say most decide."""
_UNKNOWN = 0.4
_LEAST, _MOST = 0.01, 0.99


def tokens(texts: Iterable[tuple[str, str]]) -> set[bytes]:
    """The tokens of texts, each with the name of the place where it was found: a word in a subject is another than in a text."""
    found: set[bytes] = set()
    for place, text in texts:
        for word in _WORD.finditer(text):
            name = f"{place}\n{word[0].strip('.-').lower()}"
            found.add(blake2b(name.encode("utf-8", "replace"), digest_size=TOKEN_BYTES).digest())
            if len(found) >= MAX_TOKENS:
                return found
    return found


def probability(corpus: Corpus, message: Iterable[bytes]) -> float | None:
    """That a message with these tokens is spam, from 0 to 1. None if the corpus lacks ham or spam."""
    if not corpus.messages.ham or not corpus.messages.spam:
        return None
    each = (_of_token(corpus.tokens.get(one), corpus.messages) for one in message)
    chosen = sorted(each, key=lambda one: abs(one - 0.5), reverse=True)[:_CHOSEN]
    spam, ham = math.prod(chosen), math.prod(1 - one for one in chosen)
    return spam / (spam + ham)


def _of_token(counts: Counts | None, messages: Counts) -> float:
    if counts is None or counts.ham + counts.spam < _SEEN_AT_LEAST:
        return _UNKNOWN
    # ham counts twice: a wrong verdict on it is the worse one
    ham = min(1.0, 2 * counts.ham / messages.ham)
    spam = min(1.0, counts.spam / messages.spam)
    return min(_MOST, max(_LEAST, spam / (ham + spam)))
