"""Corpora of words in Cassandra.

A corpus is spread over shards, a partition each. A call is cut into parts, each with some tokens of one shard. A part is one conditional batch: the
new counts and the mark of the part, if the shard has still the revision whose counts were read. So a part that is repeated finds its mark, and
two parts at once never count from the same numbers. The call returns when all parts are written; after a failure it is repeated, and
the parts whose marks are there change nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.effects import IsOver
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.concurrency import side_by_side
from compostela.core.bayes.ports import MAX_TOKENS, Corpus, Counts, Feed
from compostela.core.idempotency import Effect

SHARDS = 16
"""Part of the table's layout: it cannot be changed once there are corpora. A full corpus is about 6 MB a partition."""
PART_TOKENS = 100
"""Of one batch, which Cassandra refuses above 50 KB. Part of what a mark means: with another number, a call that was begun counts some tokens
twice when it is repeated."""
AT_ONCE = 8
EFFECT_SECONDS = 10 * 86_400
"""How long an effect is known to have happened: longer than any run."""
_MARK_BYTES = 16
"""Not the length of a token."""
_HEAD = -1
"""The shard of the messages."""
_MESSAGES = b""
"""The key of the messages' row."""

_STATE = "SELECT DISTINCT corpus, shard, revision, size FROM corpus_token WHERE corpus = ? AND shard = ?"
_COUNTS = "SELECT key, ham, spam FROM corpus_token WHERE corpus = ? AND shard = ? AND key IN ?"
_STEP = "UPDATE corpus_token SET revision = ?, size = ? WHERE corpus = ? AND shard = ? IF revision = ?"
_SET = "INSERT INTO corpus_token (corpus, shard, key, ham, spam) VALUES (?, ?, ?, ?, ?)"
_MARK = "INSERT INTO corpus_token (corpus, shard, key, ham, spam) VALUES (?, ?, ?, 0, 0) USING TTL ?"


@dataclass(frozen=True, slots=True)
class _Part:
    """What one batch adds."""

    shard: int
    mark: bytes
    added: Mapping[bytes, Counts]


class CassandraTokenCorpora:
    """See `compostela.core.bayes.ports`. `is_over` is asked about the entries of effects. A shard learns no more than its share of `most`."""

    def __init__(self, session: CassandraSession, is_over: IsOver, most: int = MAX_TOKENS) -> None:
        self._session = session
        self._is_over = is_over
        self._most_of_shard = most // SHARDS
        # of this process, so that only nodes compete for a shard
        self._turns = {shard: asyncio.Lock() for shard in range(_HEAD, SHARDS)}

    async def train(self, corpus: str, feed: Feed, messages: Sequence[Collection[bytes]], effect: Effect) -> None:
        if await self._is_over(effect.entry):
            return

        async def count(part: _Part) -> None:
            async with self._turns[part.shard]:
                await planned(lambda: self._count(corpus, part))

        await side_by_side(_parts(feed, messages, effect), count, AT_ONCE)

    async def _count(self, corpus: str, part: _Part) -> None:
        """Raises `Conflict` if the shard has changed meanwhile."""
        # the revision first: what is read after it belongs to it or to a later one
        state = await self._session.first(_STATE, corpus, part.shard)
        revision, size = (None, None) if state is None else (state[2], state[3])
        known = await self._read(corpus, part.shard, [part.mark, *part.added])
        if part.mark in known:
            return
        room = 1 if part.shard == _HEAD else max(self._most_of_shard - (size or 0), 0)
        new = [key for key in part.added if key not in known][:room]
        step = ((revision or 0) + 1, (size or 0) + len(new), corpus, part.shard, revision)
        batch = [Statement(_STEP, step), Statement(_MARK, (corpus, part.shard, part.mark, EFFECT_SECONDS))]
        for key in [*(key for key in part.added if key in known), *new]:
            old, more = known.get(key, Counts()), part.added[key]
            batch.append(Statement(_SET, (corpus, part.shard, key, old.ham + more.ham, old.spam + more.spam)))
        if not (await self._session.batch_if(batch)).applied:
            raise Conflict

    async def look_up(self, corpus: str, tokens: Collection[bytes]) -> Corpus:
        head = (await self._read(corpus, _HEAD, [_MESSAGES])).get(_MESSAGES)
        if head is None:
            return Corpus(Counts(), {})
        groups = list(_groups(tokens))
        read = await side_by_side(groups, lambda group: self._read(corpus, group[0], group[1]), AT_ONCE)
        return Corpus(head, {token: counts for known in read for token, counts in known.items()})

    async def _read(self, corpus: str, shard: int, keys: Sequence[bytes]) -> dict[bytes, Counts]:
        rows = await self._session.rows(_COUNTS, corpus, shard, list(keys))
        return {bytes(key): Counts(ham, spam) for key, ham, spam in rows}


def _parts(feed: Feed, messages: Sequence[Collection[bytes]], effect: Effect) -> list[_Part]:
    """The same in each run of the effect."""
    numbers = Counter(token for message in messages for token in set(message))
    groups = [(_HEAD, [_MESSAGES]), *_groups(numbers)]
    numbers[_MESSAGES] = len(messages)
    parts = []
    for index, (shard, keys) in enumerate(groups):
        mark = blake2b(f"{effect.entry}\n{effect.key}\n{index}".encode(), digest_size=_MARK_BYTES).digest()
        parts.append(_Part(shard, mark, {key: _counts(feed, numbers[key]) for key in keys}))
    return parts


def _groups(tokens: Iterable[bytes]) -> Iterable[tuple[int, list[bytes]]]:
    """The shard of some tokens, and the tokens in their order."""
    of_shard: dict[int, list[bytes]] = {}
    for token in sorted(set(tokens)):
        of_shard.setdefault(token[0] % SHARDS, []).append(token)
    for shard, found in of_shard.items():
        for start in range(0, len(found), PART_TOKENS):
            yield shard, found[start : start + PART_TOKENS]


def _counts(feed: Feed, number: int) -> Counts:
    return Counts(ham=number) if feed is Feed.HAM else Counts(spam=number)
