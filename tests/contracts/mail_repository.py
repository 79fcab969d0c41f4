"""What every mail repository store keeps to. A subclass gives the fixtures `repositories`,
`repositories_elsewhere`, the same as another process or node has them (with a clock that is an hour ahead), and `faulty` of
`tests.contracts.distance`."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.idempotency import Effect
from compostela.core.repository.ports import MailRepository, MailRepositoryStore, RepositoryQuery, RepositoryUrl
from compostela.model.numbers import EffectKey, EntryId
from compostela.testing.clock import START
from compostela.testing.mails import a_mail
from tests.contracts.distance import Faulty

URL = RepositoryUrl.parse("file://var/mail/error/")


async def keys_of(repository: MailRepository, query: RepositoryQuery | None = None) -> list[str]:
    return [key async for key in repository.keys(query)]


class MailRepositoryContract:
    ports = (MailRepository, MailRepositoryStore)

    @pytest.fixture
    async def repository(self, repositories: MailRepositoryStore) -> MailRepository:
        return await repositories.select(URL)

    async def test_a_repository_is_recorded_at_its_first_use(self, repositories: MailRepositoryStore) -> None:
        assert await repositories.find(URL) is None
        assert await repositories.urls() == []
        assert (await repositories.select(URL)).url == URL
        await repositories.select(RepositoryUrl.parse("memory://var/mail/error"))
        await repositories.select(URL)
        assert await repositories.find(URL) is not None
        assert sorted(map(str, await repositories.urls())) == ["file://var/mail/error/", "memory://var/mail/error/"]
        assert len(await repositories.by_path("/var/mail/error/")) == 2
        assert await repositories.by_path("var/mail") == []

    async def test_gives_the_mail_back(self, repository: MailRepository) -> None:
        mail = a_mail(sender=None)
        mail.state = "error"
        mail.error_message = "no such user"
        mail.attributes["count"] = 3
        assert await repository.store(mail) == mail.name
        stored = await repository.retrieve(mail.name)
        assert stored is not None
        assert (stored.sender, stored.recipients) == (None, mail.recipients)
        assert (stored.state, stored.error_message, stored.attributes) == ("error", "no such user", {"count": 3})
        assert await stored.content.read() == await mail.content.read()
        assert await repository.retrieve("unknown") is None

    async def test_keys_come_in_the_order_of_storing(self, repository: MailRepository) -> None:
        for name in ("b", "a", "c"):
            await repository.store(a_mail(name))
        assert await keys_of(repository) == ["b", "a", "c"]
        assert await repository.size() == 3

    async def test_storing_again_replaces(self, repository: MailRepository) -> None:
        await repository.store(a_mail())
        await repository.store(a_mail(body=b"other"))
        assert await repository.size() == 1
        stored = await repository.retrieve("mail1")
        assert stored is not None
        assert await stored.content.body.read() == b"other"

    async def test_an_effect_stores_once(self, repository: MailRepository) -> None:
        effect = Effect(EntryId("entry"), EffectKey("key"))
        await repository.store(a_mail(), effect)
        await repository.remove("mail1")
        assert await repository.store(a_mail(), effect) == "mail1"
        assert await repository.size() == 0

    async def test_remove(self, repository: MailRepository) -> None:
        await repository.store(a_mail("one"))
        await repository.store(a_mail("two"))
        assert await repository.remove("one")
        assert not await repository.remove("one")
        assert await keys_of(repository) == ["two"]
        assert await repository.size() == 1

    async def test_each_storing_has_its_own_entry(self, repository: MailRepository) -> None:
        assert await repository.entry("mail1") is None
        await repository.store(a_mail())
        first = await repository.entry("mail1")
        await repository.store(a_mail())
        second = await repository.entry("mail1")
        assert first != second
        assert not await repository.remove("mail1", first)
        assert await repository.remove("mail1", second)

    async def test_remove_all(self, repository: MailRepository, repositories: MailRepositoryStore) -> None:
        other = await repositories.select(RepositoryUrl.parse("file://var/mail/spam"))
        await other.store(a_mail())
        for n in range(3):
            await repository.store(a_mail(str(n)))
        assert await repository.remove_all() == 3
        assert await repository.size() == 0
        assert await other.size() == 1

    async def test_many_mails_are_listed_and_removed(self, repository: MailRepository) -> None:
        await asyncio.gather(*(repository.store(a_mail(str(n))) for n in range(1100)))
        assert sorted(map(int, await keys_of(repository))) == list(range(1100))
        assert await repository.size() == 1100
        assert await repository.remove_all() == 1100
        assert await keys_of(repository) == []

    async def test_mails_come_and_go_while_they_are_listed(self, repository: MailRepository) -> None:
        await asyncio.gather(*(repository.store(a_mail(f"old{n}")) for n in range(20)))
        listed = []
        async for key in repository.keys():
            listed.append(key)
            await repository.remove(key)
        assert sorted(listed) == sorted(f"old{n}" for n in range(20))
        assert await repository.size() == 0

    async def test_those_who_select_at_once_get_one_repository(self, repositories: MailRepositoryStore) -> None:
        selected = await asyncio.gather(*(repositories.select(URL) for _ in range(5)))
        await selected[0].store(a_mail())
        assert [await one.size() for one in selected] == [1] * 5
        assert await repositories.urls() == [URL]

    async def test_a_mail_stored_at_once_by_many_is_there_once(self, repository: MailRepository) -> None:
        await asyncio.gather(*(repository.store(a_mail(body=b"%d" % n)) for n in range(8)))
        assert (await repository.size(), await keys_of(repository)) == (1, ["mail1"])

    async def test_what_is_given_is_the_caller_s(self, repository: MailRepository) -> None:
        await repository.store(a_mail())
        given = await repository.retrieve("mail1")
        assert given is not None
        given.recipients.clear()
        given.state = "ghost"
        again = await repository.retrieve("mail1")
        assert again is not None
        assert (again.recipients, again.state) == (a_mail().recipients, "root")

    async def test_another_process_sees_what_is_finished(
        self, repository: MailRepository, repositories_elsewhere: MailRepositoryStore
    ) -> None:
        await repository.store(a_mail())
        other = await repositories_elsewhere.find(URL)
        assert other is not None
        assert await keys_of(other) == ["mail1"]
        assert await other.entry("mail1") == await repository.entry("mail1")
        assert await other.remove("mail1")
        assert await repository.retrieve("mail1") is None

    async def test_the_last_call_wins_whatever_the_clocks_say(
        self, repository: MailRepository, repositories_elsewhere: MailRepositoryStore
    ) -> None:
        other = await repositories_elsewhere.select(URL)
        for first, second in ((repository, other), (other, repository)):
            await first.store(a_mail(body=b"first"))
            await second.store(a_mail(body=b"second"))
            stored = await first.retrieve("mail1")
            assert stored is not None
            assert await stored.content.body.read() == b"second"
            assert await second.remove("mail1")
            assert await first.retrieve("mail1") is None
            await first.store(a_mail(body=b"again"))
            assert await second.retrieve("mail1") is not None, "a mail that was stored after a removal is there"
            assert await second.remove_all() == 1
            assert (await first.size(), await second.size()) == (0, 0)

    async def test_what_has_an_unknown_outcome_can_be_repeated(
        self, repository: MailRepository, faulty: Faulty
    ) -> None:
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: repository.store(a_mail()),
            lambda: repository.remove("mail1"),
            lambda: repository.store(a_mail("one")),
            repository.remove_all,
        )
        for call, expected in zip(calls, (["mail1"], [], ["one"], []), strict=True):
            for fault in (faulty.refuses, faulty.drops_answers):
                with fault(), pytest.raises(TemporaryFailure):
                    await call()
            with faulty.delays():
                await call()
            assert (await keys_of(repository), await repository.size()) == (expected, len(expected))

    async def test_whatever_is_cancelled_leaves_the_old_or_the_new(self, repository: MailRepository) -> None:
        bodies = {b"old", b"new"}
        for rounds in range(10):
            await repository.store(a_mail(body=b"old"))
            for call in (repository.store(a_mail(body=b"new")), repository.remove("mail1")):
                cut_off = asyncio.ensure_future(call)
                for _ in range(rounds):
                    await asyncio.sleep(0)
                cut_off.cancel()
                await asyncio.gather(cut_off, return_exceptions=True)
                stored = await repository.retrieve("mail1")
                assert stored is None or await stored.content.body.read() in bodies
            await repository.store(a_mail())
            assert (await keys_of(repository), await repository.size()) == (["mail1"], 1)

    async def test_queries(self, repository: MailRepository) -> None:
        old = a_mail("old", sender="Bob@example.org", recipients=("x@example.net",))
        old.last_updated_at = START - 100
        old.remote_host, old.remote_address = "old.example", "192.0.2.1"
        await repository.store(old)
        await repository.store(a_mail("new", sender=None))
        for query, expected in [
            (RepositoryQuery(updated_before=START - 50), ["old"]),
            (RepositoryQuery(updated_after=START - 50), ["new"]),
            (RepositoryQuery(sender="bob@EXAMPLE.org"), ["old"]),
            (RepositoryQuery(sender="*@example.org"), ["old"]),
            (RepositoryQuery(recipient="*@example.net"), ["old"]),
            (RepositoryQuery(recipient="bob@example.org"), ["new"]),
            (RepositoryQuery(remote_address="192.0.2.1"), ["old"]),
            (RepositoryQuery(remote_host="old.example", sender="*@example.com"), []),
        ]:
            assert await keys_of(repository, query) == expected, query
