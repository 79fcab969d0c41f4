"""Mails of a repository get another run, once."""

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import InvalidArgument, NotFound
from compostela.base.settings import Severity
from compostela.core.idempotency import Effect
from compostela.core.repository.ports import RepositoryUrl
from compostela.core.repository.reprocessing import Reprocessing
from compostela.core.repository.settings import read_repository_settings
from compostela.model.numbers import EffectKey
from compostela.testing.mails import a_mail, address
from tests.unit.core.accounts import element, reader

URL = RepositoryUrl.parse("file://var/mail/error")


async def test_a_mail_moves_to_the_queue(store: EmbeddedStore) -> None:
    repository = await store.repositories.select(URL)
    await repository.store(a_mail())
    await Reprocessing(store.queues, processor="transport").reprocess(repository, "mail1")
    assert await repository.size() == 0
    mail = (await store.queues.queue("spool").dequeue()).mail
    assert (mail.name, mail.state) == ("mail1", "transport")
    assert mail.attributes == {"mailRepository-reprocessing": True, "mailRepository": "file://var/mail/error/"}
    with pytest.raises(NotFound):
        await Reprocessing(store.queues).reprocess(repository, "mail1")


async def test_a_copy_may_stay(store: EmbeddedStore) -> None:
    repository = await store.repositories.select(URL)
    await repository.store(a_mail())
    for _ in range(2):
        await Reprocessing(store.queues, queue="outgoing", consume=False).reprocess(repository, "mail1")
    assert await repository.size() == 1
    assert await store.queues.queue("outgoing").size() == 2


async def test_a_task_that_was_cut_off_runs_no_mail_twice(store: EmbeddedStore) -> None:
    repository = await store.repositories.select(URL)
    await repository.store(a_mail())
    entry = await repository.entry("mail1")
    assert entry is not None
    await store.queues.queue("spool").enqueue(a_mail(), effect=Effect(entry, EffectKey("reprocess:spool:")))
    await Reprocessing(store.queues).reprocess(repository, "mail1")
    assert await store.queues.queue("spool").size() == 1
    assert await repository.size() == 0


async def test_a_mail_that_comes_back_is_kept_and_runs_again(store: EmbeddedStore) -> None:
    repository = await store.repositories.select(URL)
    spool = store.queues.queue("spool")
    await repository.store(a_mail())
    for _ in range(2):
        await Reprocessing(store.queues).reprocess(repository, "mail1")
        item = await spool.dequeue()
        await repository.store(item.mail)
        await item.done()
    assert await repository.size() == 1


async def test_other_recipients_stay(store: EmbeddedStore) -> None:
    repository = await store.repositories.select(URL)
    await repository.store(a_mail(recipients=("bob@example.org", "carol@example.org")))
    await Reprocessing(store.queues, recipient="Bob@example.org").reprocess(repository, "mail1")
    mail = (await store.queues.queue("spool").dequeue()).mail
    assert mail.recipients == [address("bob@example.org")]
    assert mail.name != "mail1"
    left = await repository.retrieve("mail1")
    assert left is not None
    assert left.recipients == [address("carol@example.org")]
    await Reprocessing(store.queues, recipient="bob@example.org").reprocess(repository, "mail1")
    assert await store.queues.queue("spool").size() == 1
    assert await repository.size() == 1


def test_settings_of_the_sample() -> None:
    protocols = element("protocols", "", element("protocol", "s3"))
    repository = element("mailrepository", "", protocols, element("config"), **{"class": "org.example.Repository"})
    settings, problems = reader(element("defaultProtocol", "cassandra"), element("mailrepositories", "", repository))
    read = read_repository_settings(settings)
    assert {one.severity for one in problems.found} <= {Severity.NO_EFFECT}
    assert str(read.url("var/mail/error/")) == "cassandra://var/mail/error/"
    assert str(read.url("s3://var/mail/error")) == "s3://var/mail/error/"
    with pytest.raises(InvalidArgument):
        read.url("gopher://var/mail")
