"""WebAdmin's routes for dead letters, over HTTP."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import SystemClock
from compostela.core.events.delivery import DeliveryOptions
from compostela.core.events.listeners import Listeners
from compostela.core.events.model import MailboxChanges
from compostela.core.events.redelivery import RedeliverAllTask, RedeliverGroupTask, RedeliverOneTask
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.service import Tasks
from compostela.core.tasks.worker import TaskWorker, WorkerSettings
from compostela.model.flags import NO_FLAGS
from compostela.testing.data_folder import open_store
from compostela.testing.listeners import GROUP, Recorder, following, settled
from compostela.web.webadmin.application import create_application
from compostela.web.webadmin.authentication import Passwords
from compostela.web.webadmin.routes.dead_letters import DeadLetterRoutes
from compostela.web.webadmin.routes.tasks import TaskRoutes
from compostela.web.webadmin.server import WebAdminServer
from compostela.web.webadmin.settings import WebAdminSettings
from tests.contracts.listeners import a_letter
from tests.contracts.mailbox_parts import BOB, a_mailbox, fill

ALL = "/events/deadLetter"
GROUPS = f"{ALL}/groups"
ONE_ID = str(uuid.UUID(int=1))


class Moody(Recorder):
    """Fails while it is in a bad mood."""

    is_bad = True

    async def changed(self, changes: MailboxChanges) -> None:
        if self.is_bad:
            raise ValueError("bad mood")
        await super().changed(changes)


class Admin:
    """A client of the routes."""

    def __init__(self, session: aiohttp.ClientSession, store: EmbeddedStore, listener: Moody) -> None:
        self.session = session
        self.store = store
        self.listener = listener

    async def ask(self, method: str, path: str, **query: str) -> tuple[int, Any]:
        async with self.session.request(method, path, params=query) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def run(self, path: str, **query: str) -> dict[str, Any]:
        """Additional information of the task that a POST starts, at its end."""
        status, document = await self.ask("POST", path, action="reDeliver", **query)
        assert status == 201
        status, report = await self.ask("GET", f"/tasks/{document['taskId']}/await", timeout="20s")
        assert (status, report["status"]) == (200, "completed")
        found: dict[str, Any] = report["additionalInformation"]
        del found["timestamp"]
        return found


@contextlib.asynccontextmanager
async def serving(store: EmbeddedStore, listeners: Listeners) -> AsyncIterator[aiohttp.ClientSession]:
    clock, letters = SystemClock(), store.dead_letters
    types = TaskTypes([make(letters, listeners) for make in (RedeliverAllTask, RedeliverGroupTask, RedeliverOneTask)])
    tasks = Tasks(store.tasks, types, clock, "here")
    groups = [DeadLetterRoutes(letters, tasks), TaskRoutes(tasks, clock)]
    bound = socket.create_server(("127.0.0.1", 0))
    server = WebAdminServer(create_application(groups, WebAdminSettings(), Passwords()), [bound])
    await server.start()
    worker = TaskWorker(store.tasks, types, clock, "here", WorkerSettings())
    work = asyncio.create_task(worker.work())
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{bound.getsockname()[1]}") as session:
            yield session
    finally:
        await server.stop()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    store = await open_store(tmp_path, reserve_bytes=0)
    listener = Moody(store)
    async with following(store, listener) as listeners, serving(store, listeners) as session:
        yield Admin(session, store, listener)
    await store.close()


async def fail_in(admin: Admin, *names: str) -> None:
    for name in names:
        mailbox = await a_mailbox(admin.store.mailboxes, name)
        await fill(admin.store.mailboxes, mailbox, NO_FLAGS)
    await settled(admin.store)


async def test_dead_letters_are_listed_shown_and_removed(admin: Admin) -> None:
    assert await admin.ask("GET", GROUPS) == (200, [])
    assert await admin.ask("GET", f"{GROUPS}/{GROUP}") == (200, [])
    await fail_in(admin, "one", "two")
    assert await admin.ask("GET", GROUPS) == (200, [GROUP])
    status, ids = await admin.ask("GET", f"{GROUPS}/{GROUP}")
    assert (status, len(ids)) == (200, 2)
    status, document = await admin.ask("GET", f"{GROUPS}/{GROUP}/{ids[0]}")
    assert status == 200
    ((name, event),) = document.items()
    (mailbox,) = [one for one in await admin.store.mailboxes.of_user(BOB) if one.id == event["mailboxId"]]
    path = {"namespace": mailbox.path.namespace, "user": "bob@example.org", "name": mailbox.path.name}
    assert (name, event["path"], event["error"]) == ("MailboxChanges", path, "ValueError: bad mood")
    assert (event["eventId"], event["since"], event["until"]) == (ids[0], 0, 2)

    assert await admin.ask("DELETE", f"{GROUPS}/{GROUP}/{ids[0]}") == (204, None)
    assert (await admin.ask("GET", f"{GROUPS}/{GROUP}/{ids[0]}"))[0] == 404
    assert await admin.ask("DELETE", f"{GROUPS}/{GROUP}") == (204, None)
    assert await admin.ask("GET", GROUPS) == (200, [])


async def test_what_failed_is_delivered_again(admin: Admin) -> None:
    await fail_in(admin, "one", "two", "three", "four")
    _, ids = await admin.ask("GET", f"{GROUPS}/{GROUP}")
    failed = await admin.run(f"{GROUPS}/{GROUP}/{ids[0]}")
    assert failed == {
        "type": "event-dead-letters-redeliver-one",
        "successfulRedeliveriesCount": 0,
        "failedRedeliveriesCount": 1,
        "group": GROUP,
        "insertionId": ids[0],
    }
    admin.listener.is_bad = False
    assert (await admin.run(f"{GROUPS}/{GROUP}/{ids[0]}"))["successfulRedeliveriesCount"] == 1
    some = await admin.run(f"{GROUPS}/{GROUP}", limit="2")
    assert some == {
        "type": "event-dead-letters-redeliver-group",
        "successfulRedeliveriesCount": 2,
        "failedRedeliveriesCount": 0,
        "group": GROUP,
        "runningOptions": {"limit": 2},
    }
    await admin.store.dead_letters.add(a_letter(ONE_ID, 0, 1, group="unknown"))
    rest = await admin.run(ALL)
    assert (rest["successfulRedeliveriesCount"], rest["failedRedeliveriesCount"]) == (1, 1)
    assert await admin.ask("GET", GROUPS) == (200, ["unknown"])
    assert len(admin.listener.redelivered) == 4


class Endless(Recorder):
    """Does not end, nor let itself be cut off, until it is `free`."""

    def __init__(self, store: EmbeddedStore) -> None:
        super().__init__(store)
        self.free = asyncio.Event()

    async def changed(self, changes: MailboxChanges) -> None:
        while not self.free.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.free.wait()


async def test_a_group_that_hangs_does_not_hold_up_the_redelivery_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compostela.core.events.threads.CANCEL_SECONDS", 0.02)
    store = await open_store(tmp_path, reserve_bytes=0)
    endless, listener = Endless(store), Moody(store)
    options = DeliveryOptions(0.1, first_pause_seconds=0.001)
    mailbox = await a_mailbox(store.mailboxes)
    async with (
        following(store, endless, listener, options=options, max_concurrency=1) as listeners,
        serving(store, listeners) as session,
        contextlib.AsyncExitStack() as ending,
    ):
        # whatever happens: the loop of the test waits for it
        ending.callback(endless.free.set)
        admin = Admin(session, store, listener)
        # one change alone: a second one would wait for the call that hangs
        await settled(store, (GROUP, f"{GROUP}1"))
        await fill(store.mailboxes, mailbox, NO_FLAGS)
        await settled(store, (GROUP, f"{GROUP}1"))
        assert await store.dead_letters.groups() == [GROUP, f"{GROUP}1"]
        listener.is_bad = False
        done = await admin.run(ALL)
        assert (done["successfulRedeliveriesCount"], done["failedRedeliveriesCount"]) == (1, 1)
        assert await store.dead_letters.groups() == [GROUP]
        endless.free.set()
        assert (await admin.run(ALL))["successfulRedeliveriesCount"] == 1
    await store.close()


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("GET", f"{GROUPS}/{GROUP}/nonsense", {}, 400),
        ("GET", f"{GROUPS}/{GROUP}/{ONE_ID}", {}, 404),
        ("DELETE", f"{GROUPS}/{GROUP}/nonsense", {}, 400),
        ("DELETE", f"{GROUPS}/{GROUP}/{ONE_ID}", {}, 204),
        ("POST", ALL, {}, 400),
        ("POST", ALL, {"action": "other"}, 400),
        ("POST", ALL, {"action": "reDeliver", "limit": "0"}, 400),
        ("POST", f"{GROUPS}/{GROUP}", {}, 400),
        ("POST", f"{GROUPS}/{GROUP}/{ONE_ID}", {"action": "reDeliver"}, 404),
    ],
)
async def test_what_cannot_be_asked_for(
    admin: Admin, method: str, path: str, query: dict[str, str], status: int
) -> None:
    assert (await admin.ask(method, path, **query))[0] == status
