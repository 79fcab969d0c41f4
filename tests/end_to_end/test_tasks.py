"""Tasks of a server that is killed, and the commands that watch them."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.repository.ports import RepositoryUrl
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.testing.mails import a_mail
from tests.contracts.mail_queue import names_of
from tests.contracts.mailbox_parts import message
from tests.end_to_end.tasks import LIMIT_SECONDS, call
from tests.server_process import ServerProcess


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path)
    # the lists of tasks hold those of the test alone
    (server.conf / "tasks.properties").write_text("schedule = 0 0 1 1 * BlobGCTask\n")
    yield server
    server.stop()


COUNT = 3000
BOXES = 400
OLD, NEW = Username("old@example.org"), Username("new@example.org")
URL = RepositoryUrl.parse("file://var/mail/put-aside")
REPOSITORY = "/mailRepositories/var%2Fmail%2Fput-aside"
PLACE = f"{REPOSITORY}/mails"
ENDED = ("completed", "failed", "canceled")


@contextmanager
def opened(server: ServerProcess) -> Iterator[tuple[asyncio.Runner, EmbeddedStore]]:
    with asyncio.Runner() as runner:
        store = runner.run(EmbeddedStore.open(server.data))
        try:
            yield runner, store
        finally:
            runner.run(store.close())


async def _put_aside(store: EmbeddedStore, names: list[str]) -> None:
    repository = await store.repositories.select(URL)
    for start in range(0, len(names), 500):
        await asyncio.gather(*(repository.store(a_mail(name)) for name in names[start : start + 500]))


async def _left(store: EmbeddedStore) -> list[str]:
    repository = await store.repositories.select(URL)
    return [key async for key in repository.keys()]  # noqa: SIM118 - no dictionary


def _size_of_queue(server: ServerProcess) -> int:
    if "held" not in call(server, "GET", "/mailQueues"):
        return 0
    size: int = call(server, "GET", "/mailQueues/held")["size"]
    return size


def started(server: ServerProcess) -> None:
    server.start()
    server.wait_for_web()


def killed_in_the_middle(server: ServerProcess, method: str, path: str, done: Callable[[], int]) -> str:
    """Starts a task, and kills the server once it has done a part of it."""
    task: str = call(server, method, path)["taskId"]
    end = time.monotonic() + LIMIT_SECONDS
    while not (count := done()):
        assert time.monotonic() < end, "the task did nothing"
    server.kill()
    assert count < COUNT, "it was over before the kill"
    return task


@pytest.mark.slow
@pytest.mark.parametrize("consume", [True, False])
def test_a_killed_reprocessing_goes_on_and_runs_no_mail_twice(server: ServerProcess, consume: bool) -> None:
    names = [f"mail{number}" for number in range(COUNT)]
    with opened(server) as (runner, store):
        runner.run(_put_aside(store, names))
    started(server)
    query = f"?action=reprocess&queue=held&consume={str(consume).lower()}"
    task = killed_in_the_middle(server, "PATCH", PLACE + query, lambda: _size_of_queue(server))
    with opened(server) as (runner, store):
        # stored since: not a mail of the task
        runner.run(_put_aside(store, ["later"]))
    started(server)
    report = call(server, "GET", f"/tasks/{task}/await?timeout=60s")
    assert report["status"] == "completed", report
    assert server.stop() == 0
    with opened(server) as (runner, store):
        assert sorted(runner.run(names_of(store.queues.queue("held")))) == sorted(names)
        assert runner.run(_left(store)) == (["later"] if consume else [*names, "later"])


@pytest.mark.slow
def test_a_killed_clearing_goes_on_and_leaves_what_came_later(server: ServerProcess) -> None:
    with opened(server) as (runner, store):
        runner.run(_put_aside(store, [f"mail{number}" for number in range(COUNT)]))
    started(server)
    task = killed_in_the_middle(server, "DELETE", PLACE, lambda: COUNT - call(server, "GET", REPOSITORY)["size"])
    with opened(server) as (runner, store):
        runner.run(_put_aside(store, ["later"]))
    started(server)
    report = call(server, "GET", f"/tasks/{task}/await?timeout=60s")
    assert report["status"] == "completed", report
    assert server.stop() == 0
    with opened(server) as (runner, store):
        assert runner.run(_left(store)) == ["later"]


async def _make_mailboxes(store: EmbeddedStore, count: int) -> None:
    for number in range(count):
        mailbox = await store.mailboxes.create(MailboxPath.personal(OLD, f"box{number}"))
        await store.mailboxes.append(mailbox.id, [message()])


async def _counts(store: EmbeddedStore, user: Username) -> dict[str, int]:
    heads = await store.mailboxes.heads([one.id for one in await store.mailboxes.of_user(user)])
    return {one.path.name: heads[one.id].messages for one in await store.mailboxes.of_user(user)}


@pytest.mark.slow
@pytest.mark.parametrize("action", ["rename", "deleteData"])
def test_a_user_whose_task_was_killed_is_renamed_or_deleted_whole(server: ServerProcess, action: str) -> None:
    with opened(server) as (runner, store):
        runner.run(_make_mailboxes(store, BOXES))
    started(server)
    for user in (OLD, NEW):
        server.add_user(user.value)
    path = f"/users/{OLD}" + (f"/rename/{NEW}" if action == "rename" else "")
    of_old = f"/users/{OLD}/mailboxes?force"
    task: str = call(server, "POST", f"{path}?action={action}")["taskId"]
    while (left := len(call(server, "GET", of_old))) == BOXES:
        pass
    server.kill()
    assert left, "it was over before the kill"
    started(server)
    report = call(server, "GET", f"/tasks/{task}/await?timeout=60s")
    assert report["status"] == "completed", report
    assert server.stop() == 0
    with opened(server) as (runner, store):
        assert runner.run(_counts(store, OLD)) == {}
        wanted = {f"box{number}": 1 for number in range(BOXES)} if action == "rename" else {}
        assert runner.run(_counts(store, NEW)) == wanted


@pytest.mark.slow
def test_commands_list_show_await_and_cancel_tasks(server: ServerProcess) -> None:
    with opened(server) as (runner, store):
        runner.run(_put_aside(store, ["mail1"]))
    (server.conf / "rabbitmq.properties").write_text("task.consumption.enabled = false\n")
    started(server)
    waiting = call(server, "PATCH", f"{PLACE}?action=reprocess&queue=held")["taskId"]
    other = call(server, "DELETE", PLACE)["taskId"]
    assert [line.split()[0] for line in server.command("task", "list").splitlines()] == [other, waiting]
    assert [one["taskId"] for one in json.loads(server.command("task", "list", "--limit", "1", "--json"))] == [other]
    server.command("task", "cancel", other)
    assert "status: canceled" in server.command("task", "show", other)
    assert json.loads(server.command("task", "show", other, "--json"))["cancelledFrom"]
    assert "status: canceled" in server.command("task", "await", other, check=False)
    assert server.complaint("task", "await", other) == f"compostela: the task {other} was cancelled\n"
    assert "waiting" in server.command("task", "list", "--status", "waiting", "--type", "reprocessing-all")
    server.stop()
    assert f"wait for it with 'compostela task await {waiting}'" in server.complaint("task", "await", waiting)
    (server.conf / "rabbitmq.properties").unlink()
    started(server)
    shown = server.command("task", "await", waiting)
    assert "status: completed" in shown
    assert "remainingCount: 0" in shown


@pytest.mark.slow
def test_task_routes_answer_as_jamess_do(server: ServerProcess) -> None:
    with opened(server) as (runner, store):
        runner.run(_put_aside(store, ["mail1"]))
    started(server)
    task = call(server, "DELETE", PLACE)["taskId"]
    report = call(server, "GET", f"/tasks/{task}/await")
    about = report.pop("additionalInformation")
    assert set(report) == {
        "taskId", "type", "status", "submitDate", "startedDate", "completedDate", "submittedFrom", "executedOn", "cancelledFrom",
    }  # fmt: skip
    assert (report["status"], report["type"], report["cancelledFrom"]) == ("completed", "clear-mail-repository", None)
    timestamp = about.pop("timestamp")
    assert about == {
        "type": "clear-mail-repository", "repositoryPath": "var/mail/put-aside", "initialCount": 1, "remainingCount": 0,
    }  # fmt: skip
    assert call(server, "GET", "/tasks?limit=0") == []
    assert [one["taskId"] for one in call(server, "GET", "/tasks?status=completed&type=clear-mail-repository")] == [
        task
    ]
    assert [one["taskId"] for one in call(server, "GET", "/tasks?submittedBefore=2100-01-01T00:00:00Z[UTC]")] == [task]
    assert call(server, "GET", "/tasks?startedAfter=2100-01-01T00:00:00%2B07:00") == []
    assert timestamp.endswith("Z")
    unknown = "3294a976-ce63-491e-bd52-1b6f465ed7a2"
    for status, method, path in [
        (400, "GET", "/tasks/nonsense"), (404, "GET", f"/tasks/{unknown}"), (404, "GET", f"/tasks/{unknown}/await"),
        (400, "GET", f"/tasks/{task}/await?timeout=-1"), (400, "GET", f"/tasks/{task}/await?timeout=400days"),
        (400, "DELETE", "/tasks/nonsense"), (400, "GET", "/tasks?status=done"), (400, "GET", "/tasks?failedBefore=today"),
        (400, "GET", "/tasks?failedBefore=2026-01-01T00:00:00"), (400, "DELETE", "/tasks"), (400, "GET", "/tasks?limit=-1"),
    ]:  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as error:
            call(server, method, path)
        assert error.value.code == status, path
        error.value.close()
    assert call(server, "DELETE", f"/tasks/{unknown}") is None
    cleanup = call(server, "GET", f"/tasks/{call(server, 'DELETE', '/tasks?olderThan=0s')['taskId']}/await")
    assert cleanup["status"] == "completed"
    assert cleanup["additionalInformation"]["removedTaskCount"] == 1
    assert [one["taskId"] for one in call(server, "GET", "/tasks")] == [cleanup["taskId"]]
