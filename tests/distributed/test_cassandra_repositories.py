"""Mail repositories in Cassandra keep to the contract. Bodies are small enough for their rows; large ones are those of the body store."""

import time

import pytest

from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.repositories import DAY_SECONDS, STORED, CassandraRepositories
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.errors import TemporaryFailure
from compostela.core.idempotency import Effect
from compostela.core.repository.ports import MailRepositoryStore
from compostela.model.numbers import EffectKey, EntryId
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from tests.contracts.distance import SKEW_SECONDS, Faulty
from tests.contracts.mail_repository import URL, MailRepositoryContract, keys_of
from tests.distributed.bodies import Bodies

LARGE = b"x" * 20_000


def repositories_of(
    session: CassandraSession, bodies: Bodies | None = None, skew_seconds: float = 0.0
) -> CassandraRepositories:
    entries, clock = Entries(), FakeClock(time.time() + skew_seconds)
    repositories = CassandraRepositories(session, bodies or Bodies(), entries.is_over, clock)
    entries.register(STORED, repositories.is_over)
    return repositories


class TestCassandraRepositories(MailRepositoryContract):
    @pytest.fixture
    def repositories(self, session: CassandraSession) -> MailRepositoryStore:
        return repositories_of(session)

    @pytest.fixture
    def repositories_elsewhere(self, session_elsewhere: CassandraSession) -> MailRepositoryStore:
        return repositories_of(session_elsewhere, skew_seconds=SKEW_SECONDS)


async def test_a_large_body_is_kept_apart(session: CassandraSession) -> None:
    bodies = Bodies()
    repository = await repositories_of(session, bodies).select(URL)
    await repository.store(a_mail(body=LARGE))
    assert list(bodies.kept.values()) == [LARGE]
    stored = await repository.retrieve("mail1")
    assert stored is not None
    assert await stored.content.body.read() == LARGE


async def test_no_effect_of_a_storing_follows_its_removal(session: CassandraSession) -> None:
    repository = await repositories_of(session).select(URL)
    await repository.store(a_mail("moved"))
    entry = await repository.entry("moved")
    assert entry is not None
    await repository.store(a_mail("first"), Effect(entry, EffectKey("1")))
    assert await repository.remove("moved", entry)
    await repository.store(a_mail("late"), Effect(entry, EffectKey("2")))
    assert await keys_of(repository) == ["first"]


async def test_an_effect_whose_answer_was_lost_stores_once(session: CassandraSession, faulty: Faulty) -> None:
    repository = await repositories_of(session).select(URL)
    effect = Effect(EntryId("elsewhere"), EffectKey("1"))
    with faulty.drops_answers(), pytest.raises(TemporaryFailure):
        await repository.store(a_mail(), effect)
    for body in (b"second", b"third"):
        await repository.store(a_mail(body=body), effect)
    assert (await keys_of(repository), await repository.size()) == (["mail1"], 1)
    stored = await repository.retrieve("mail1")
    assert stored is not None
    assert await stored.content.body.read() == b"second"


async def test_what_a_cut_off_storing_left_is_removed_after_a_day(session: CassandraSession) -> None:
    repository = await repositories_of(session).select(URL)
    become = repository._become

    async def die(*arguments: object) -> None:
        raise TemporaryFailure("the node dies")

    repository._become = die  # type: ignore[method-assign, assignment]
    with pytest.raises(TemporaryFailure):
        await repository.store(a_mail())
    repository._become = become  # type: ignore[method-assign]
    left = "SELECT entry FROM repository_line WHERE url = ? AND day = ?"
    day = int(time.time() // DAY_SECONDS)
    assert await keys_of(repository) == []
    assert len(await session.rows(left, str(URL), day)) == 1, "it may still become the truth"
    later = await repositories_of(session, skew_seconds=2 * DAY_SECONDS).select(URL)
    assert await keys_of(later) == []
    assert await session.rows(left, str(URL), day) == []
