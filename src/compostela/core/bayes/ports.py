"""Where the words of known ham and spam are counted."""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from compostela.core.idempotency import Effect

TOKEN_BYTES = 8
MAX_TOKENS = 2_000_000
"""Of one corpus: about 80 MB."""


class Feed(enum.Enum):
    """What a message is known to be."""

    HAM = "ham"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Counts:
    """In how many messages of either kind."""

    ham: int = 0
    spam: int = 0


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a corpus knows: messages in all, and the messages that each of the tokens was in; unknown tokens are absent."""

    messages: Counts
    tokens: Mapping[bytes, Counts]


class TokenCorpora(Protocol):
    """Corpora by name. A token is `TOKEN_BYTES` octets, the digest of a word, so that a corpus does not hold the text of mails.

    What `train` did is whole, durable and seen by all processes when it returns. A corpus with as many tokens as it may have (`MAX_TOKENS`)
    counts those it knows and learns no others. Embedded: a row for each token, in one transaction for a call. Distributed: conditional
    writes, one for some tokens of a sixteenth of the corpus, each with a mark of the effect; a sixteenth is full by itself. A reader may
    see a part of a call while it is written, and after one that was cut off until it is repeated."""

    async def train(self, corpus: str, feed: Feed, messages: Sequence[Collection[bytes]], effect: Effect) -> None:
        """Count messages, each given by its different tokens. An effect that has happened changes nothing. Raises `StorageFull`,
        `TemporaryFailure`."""
        ...

    async def look_up(self, corpus: str, tokens: Collection[bytes]) -> Corpus:
        """What the corpus knows of these tokens; nothing for a corpus without training."""
        ...
