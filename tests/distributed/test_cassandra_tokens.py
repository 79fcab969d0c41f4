"""Corpora of words in Cassandra keep to the contract."""

import asyncio

import pytest

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.token_corpora import PART_TOKENS, SHARDS, CassandraTokenCorpora
from compostela.core.bayes.ports import Counts, Feed, TokenCorpora
from compostela.model.numbers import EntryId
from tests.contracts.bayes import ONE, THREE, TWO, TokenCorporaContract, effect

SAME_SHARD = bytes([SHARDS] * 8)
"""In the shard of `ONE`."""


async def is_alive(entry: EntryId) -> bool:
    return False


class TestCassandraTokenCorpora(TokenCorporaContract):
    @pytest.fixture
    def corpora(self, session: CassandraSession) -> TokenCorpora:
        return CassandraTokenCorpora(session, is_alive)

    @pytest.fixture
    def corpora_elsewhere(self, session_elsewhere: CassandraSession) -> TokenCorpora:
        return CassandraTokenCorpora(session_elsewhere, is_alive)


async def test_a_full_shard_counts_what_it_knows(session: CassandraSession) -> None:
    corpora = CassandraTokenCorpora(session, is_alive, most=SHARDS)
    await corpora.train("a", Feed.HAM, [[ONE], [TWO, ONE]], effect(0))
    await corpora.train("a", Feed.HAM, [[SAME_SHARD, ONE, THREE]], effect(1))
    known = await corpora.look_up("a", [ONE, TWO, THREE, SAME_SHARD])
    assert known.messages == Counts(3, 0)
    assert known.tokens == {ONE: Counts(3, 0), TWO: Counts(1, 0), THREE: Counts(1, 0)}


async def test_the_words_of_a_large_mail_are_counted_in_parts(
    session: CassandraSession, session_elsewhere: CassandraSession
) -> None:
    corpus = "\N{SNOWMAN}" * 200
    tokens = [bytes([7]) + number.to_bytes(7) for number in range(2 * PART_TOKENS + 1)]
    nodes = [CassandraTokenCorpora(one, is_alive) for one in (session, session_elsewhere)]
    await asyncio.gather(*(node.train(corpus, Feed.SPAM, [tokens], effect()) for node in nodes))
    known = await nodes[0].look_up(corpus, tokens)
    assert (known.messages, known.tokens) == (Counts(0, 1), dict.fromkeys(tokens, Counts(0, 1)))


async def test_no_training_follows_the_end_of_its_entry(session: CassandraSession) -> None:
    async def is_over(entry: EntryId) -> bool:
        return True

    corpora = CassandraTokenCorpora(session, is_over)
    await corpora.train("a", Feed.HAM, [[ONE]], effect())
    assert (await corpora.look_up("a", [ONE])).messages == Counts()
