"""Corpora of words in SQLite."""

from collections.abc import Collection, Sequence

from compostela.adapters.embedded.effects import recall, remember
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.bayes.ports import MAX_TOKENS, Corpus, Counts, Feed
from compostela.core.idempotency import Effect

_DONE = b"trained"
_BEGIN = "INSERT OR IGNORE INTO token_corpus VALUES (?, 0, 0, 0)"
_SIZE = "SELECT tokens FROM token_corpus WHERE name = ?"
_RESIZE = "UPDATE token_corpus SET ham = ham + ?, spam = spam + ?, tokens = tokens + ? WHERE name = ?"
_COUNT = "UPDATE corpus_token SET ham = ham + ?, spam = spam + ? WHERE corpus = ? AND token = ?"
_ADD = "INSERT INTO corpus_token VALUES (?, ?, ?, ?)"
_MESSAGES = "SELECT ham, spam FROM token_corpus WHERE name = ?"
_TOKEN = "SELECT ham, spam FROM corpus_token WHERE corpus = ? AND token = ?"


class EmbeddedTokenCorpora:
    """See `compostela.core.bayes.ports`."""

    def __init__(self, writer: Writer, reader: Reader, most: int = MAX_TOKENS) -> None:
        self._writer = writer
        self._reader = reader
        self._most = most

    async def train(self, corpus: str, feed: Feed, messages: Sequence[Collection[bytes]], effect: Effect) -> None:
        ham, spam = (1, 0) if feed is Feed.HAM else (0, 1)

        def job(tx: Transaction) -> None:
            if recall(tx, effect, _DONE) is not None:
                return
            tx.execute(_BEGIN, (corpus,))
            room = self._most - int(tx.execute(_SIZE, (corpus,)).fetchone()[0])
            added = 0
            for message in messages:
                for token in set(message):
                    tx.execute(_COUNT, (ham, spam, corpus, token))
                    if not tx.connection.changes() and added < room:
                        tx.execute(_ADD, (corpus, token, ham, spam))
                        added += 1
            tx.execute(_RESIZE, (ham * len(messages), spam * len(messages), added, corpus))
            remember(tx, effect, _DONE)

        await self._writer.run(job, is_long=True)

    async def look_up(self, corpus: str, tokens: Collection[bytes]) -> Corpus:
        row = self._reader.execute(_MESSAGES, (corpus,)).fetchone()
        if row is None:
            return Corpus(Counts(), {})
        known: dict[bytes, Counts] = {}
        for token in tokens:
            found = self._reader.execute(_TOKEN, (corpus, token)).fetchone()
            if found is not None:
                known[token] = Counts(*found)
        return Corpus(Counts(*row), known)
