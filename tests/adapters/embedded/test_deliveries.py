"""Both deliveries on the embedded store, and what it keeps of runs, keep to the contracts."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from compostela.adapters.embedded.database import DATABASE_NAME, connect
from compostela.adapters.embedded.private import make_private_file
from compostela.adapters.embedded.schema import MIGRATIONS, QUEUE_TABLES
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app.configuration.folder import load
from compostela.app.editions.embedded import stores_of
from compostela.app.server.life_cycle import Server
from compostela.app.server.services import Services
from compostela.base.clock import SystemClock
from compostela.base.ids import new_id
from compostela.base.settings import Problems
from compostela.core.delivery.direct import DirectDelivery
from compostela.core.delivery.ports import MailDelivery, Outcome
from compostela.core.mail.ports import KEPT_DAYS, UnqueuedRuns
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.tracing.tracer import Tracer
from compostela.model.domain import Domain
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EntryId, Uid
from compostela.model.username import Username
from compostela.processing.lmtp_delivery import ContainerDelivery
from compostela.testing.mails import a_mail
from tests.adapters.embedded.distance import patience
from tests.contracts.blobs import spilled
from tests.contracts.distance import stays_silent
from tests.contracts.mail_delivery import BOB, CAROL, MailDeliveryContract, Received
from tests.contracts.mailbox_parts import a_mailbox, effect, message
from tests.contracts.unqueued_runs import UnqueuedRunsContract

__all__ = ["patience"]

ROOMY = 300_000
"""Octets of a body that becomes a file."""


@pytest.fixture
async def server(store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[Server]:
    conf = tmp_path / "conf"
    conf.mkdir()
    algorithm = "<enableVirtualHosting>true</enableVirtualHosting><algorithm>SHA-512/salted</algorithm>"
    (conf / "usersrepository.xml").write_text(f"<usersrepository>{algorithm}</usersrepository>")
    problems = Problems()
    # closed by the fixture of the store
    stores = replace(stores_of(store), closing=None)
    server = Server(load(conf, tmp_path, problems), stores, problems)
    await store.domains.add(Domain("example.org"))
    for user in (BOB, CAROL):
        await server.services.users.add(Username.parse(user), "secret")
    yield server
    await server.close()


@pytest.fixture
def services(server: Server) -> Services:
    return server.services


@pytest.fixture
def received(mailboxes: MailboxStore) -> Received:
    async def read(user: str) -> list[bytes]:
        mailbox = await mailboxes.find(MailboxPath.inbox(Username.parse(user)))
        if mailbox is None:
            return []
        uids, _ = await mailboxes.uids(mailbox.id)
        found = await mailboxes.messages(mailbox.id, list(uids))
        return [await found[Uid(uid)].content.read() for uid in uids]

    return read


def tracer_of(store: EmbeddedStore) -> Tracer:
    return Tracer(store.outbound.traces, SystemClock(), 60.0, 1_000_000)


def direct(store: EmbeddedStore, services: Services) -> DirectDelivery:
    return DirectDelivery(
        services.users, services.rewriting, services.mailboxes.system, store.queues.queue("spool"), tracer_of(store)
    )


class TestDirectDelivery(MailDeliveryContract):
    @pytest.fixture
    def delivery(self, store: EmbeddedStore, services: Services) -> MailDelivery:
        return direct(store, services)


@pytest.mark.parametrize("split", [False, True], ids=["whole", "split"])
class TestContainerDelivery(MailDeliveryContract):
    @pytest.fixture
    def delivery(self, store: EmbeddedStore, server: Server, split: bool) -> MailDelivery:
        return ContainerDelivery(server.container.processors, store.runs, store.blobs, tracer_of(store), 4, split=split)


class TestEmbeddedRuns(UnqueuedRunsContract):
    @pytest.fixture
    def runs(self, store: EmbeddedStore) -> UnqueuedRuns:
        return store.runs

    @pytest.fixture
    async def runs_elsewhere(self, store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[UnqueuedRuns]:
        other = await EmbeddedStore.open(tmp_path)
        yield other.runs
        await other.close()


async def test_a_run_whose_process_has_died_is_taken_up(store: EmbeddedStore, tmp_path: Path) -> None:
    other = await EmbeddedStore.open(tmp_path)
    entry = await other.runs.entry(b"mark")
    waiting = asyncio.ensure_future(store.runs.entry(b"mark"))
    assert await stays_silent(waiting, 0.3)
    await other.close()
    assert await asyncio.wait_for(waiting, 20) == entry


async def test_a_run_that_an_earlier_release_left_unfinished_is_taken_up(tmp_path: Path) -> None:
    old = f"run-{b'mark'.hex()}-{new_id()}"
    make_private_file(tmp_path / DATABASE_NAME)
    database = connect(tmp_path / DATABASE_NAME)
    before = MIGRATIONS.index(QUEUE_TABLES)
    for statement in chain(*MIGRATIONS[:before]):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {before}")
    database.execute("INSERT INTO effect VALUES (?, 'key', x'00')", (old,))
    database.close()
    store = await EmbeddedStore.open(tmp_path)
    assert await store.runs.entry(b"mark") == old
    await store.close()


async def test_a_run_that_nobody_takes_up_is_forgotten_in_time(
    store: EmbeddedStore, mailboxes: MailboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = await a_mailbox(mailboxes)
    old, queued = await store.runs.entry(b"old"), EntryId("0an-entry-of-the-queue")
    for entry in (old, queued):
        await mailboxes.append(mailbox, [message()], effect(entry=entry))
    await store.collect_garbage()
    assert await store.runs.entry(b"old") == old
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + KEPT_DAYS * 86400 + 60)
    await store.collect_garbage()
    assert await store.runs.entry(b"old") != old
    rows = store.queues._reader.execute("SELECT entry FROM effect").fetchall()
    assert rows == [(queued,)]


async def test_a_large_body_to_many_counts_once_against_the_disk(
    store: EmbeddedStore, services: Services, received: Received
) -> None:
    mail = a_mail(recipients=(BOB, CAROL))
    mail.content = type(mail.content)(mail.content.header, await spilled(store.blobs, b"x" * ROOMY))
    store.blobs.check_room(0)
    before = store.blobs._disk._free
    outcomes = await direct(store, services).deliver(mail, mail.content)
    assert set(outcomes.values()) == {Outcome.DELIVERED}
    assert ROOMY <= before - store.blobs._disk._free < 2 * ROOMY
    assert [len(await received(user)) for user in (BOB, CAROL)] == [1, 1]
    assert len(list((store.blobs.folder).glob("*/*"))) == 1
