"""What a process does and leaves to others, by James's own switches; and what health says of work that nothing does."""

import uuid
from importlib.resources import files
from pathlib import Path

import pytest

from compostela.core.events.redelivery import RedeliverOne, RedeliverOneTask
from compostela.core.health.checks import HealthResult, HealthStatus
from compostela.core.queue.tasks import ClearQueue
from compostela.core.tasks.model import TaskStatus
from compostela.testing.conversation import conversation
from compostela.testing.mails import a_mail
from compostela.testing.server import BOB, Server, running
from compostela.testing.waiting import eventually
from tests.contracts.listeners import a_letter
from tests.dialogues.processing import idle, messages, next_hop, send

CONTAINER = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
RELAYING = CONTAINER[CONTAINER.index('<mailet match="All" class="RemoteDelivery">') :]
RELAYING = RELAYING[: RELAYING.index("</mailet>") + len("</mailet>")]
NO_SENDER = CONTAINER.replace(RELAYING, '<mailet match="All" class="Null"/>')


def without_spooler(container: str) -> str:
    assert "<threads>20</threads>" in container
    return container.replace("<threads>20</threads>", "<threads>0</threads>")


async def health(server: Server, component: str) -> HealthResult:
    (result,) = await server.under_test.health.run([component])
    return result


async def test_mail_waits_where_the_spooler_has_no_threads_and_health_names_the_queue(tmp_path: Path) -> None:
    async with running(tmp_path, container=without_spooler(CONTAINER)) as server:
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["bob@example.org"])
        found = await health(server, "MailQueueConsumers")
        assert found.status is HealthStatus.DEGRADED
        assert "'spool' (1 mails)" in (found.cause or "")
        assert "'outgoing'" not in (found.cause or "")
        assert await messages(server, BOB) == []
    # what was accepted is processed by the next one with the role
    async with running(tmp_path, container=CONTAINER) as server:
        await eventually(lambda: idle(server))
        assert len(await messages(server, BOB)) == 1
        assert (await health(server, "MailQueueConsumers")).status is HealthStatus.HEALTHY


async def test_a_process_without_spooler_still_sends_what_is_in_its_outgoing_queue(tmp_path: Path) -> None:
    async with (
        next_hop([]) as (hop, container),
        running(tmp_path, container=without_spooler(container)) as server,
    ):
        await server.store.queues.queue("outgoing").enqueue(a_mail(recipients=("x@elsewhere.example",)))
        await eventually(lambda: idle(server))
        assert len(hop.taken) == 1


async def test_the_container_runs_for_lmtp_where_the_spooler_has_no_threads(tmp_path: Path) -> None:
    handlers = '<handlerchain coreHandlersPackage="MailetContainerCmdHandlerLoader"/>'
    async with running(tmp_path, lmtp=handlers, container=without_spooler(CONTAINER)) as server:
        async with conversation(server.ports["lmtp"]) as c:
            await c.server("220 ")
            await c.client("LHLO client.example")
            await c.until("250 ")
            await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA")
            await c.server("250 2.1.0", "250 2.1.5", "354")
            await c.client("Subject: x\r\n\r\nhello", ".")
            await c.server("250 2.6.0")
        assert len(await messages(server, BOB)) == 1


async def test_without_remote_delivery_nothing_takes_outgoing_mail(tmp_path: Path) -> None:
    async with running(tmp_path, container=NO_SENDER) as server:
        assert server.under_test.roles.consumes == {"spool"}
        mail = a_mail(recipients=("x@elsewhere.example",))
        queue = server.store.queues.queue("outgoing")
        await queue.enqueue(mail)
        assert await queue.size() == 1


@pytest.mark.parametrize("consumed", [True, False])
async def test_a_task_runs_only_where_tasks_are_consumed(tmp_path: Path, consumed: bool) -> None:
    switch = {"rabbitmq.properties": f"task.consumption.enabled={str(consumed).lower()}\n"}
    async with running(tmp_path, files=switch) as server:
        await server.under_test.start_web()
        tasks = server.under_test.tasks
        task_id = await tasks.submit("clear-mail-queue", ClearQueue("spool"))
        if consumed:
            assert (await tasks.wait(task_id, 20)).status is TaskStatus.COMPLETED
            return
    async with running(tmp_path, files={"rabbitmq.properties": ""}) as server:
        assert (await server.under_test.tasks.find(task_id)).status is TaskStatus.WAITING
        # it was not lost with the process that took it
        await server.under_test.start_web()
        assert (await server.under_test.tasks.wait(task_id, 20)).status is TaskStatus.COMPLETED


async def test_redelivery_waits_for_a_process_with_listeners(tmp_path: Path) -> None:
    letter = a_letter(str(uuid.UUID(int=1)), 0, 1, group="unknown")
    no_listeners = "<listeners><executeGroupListeners>false</executeGroupListeners></listeners>"
    async with running(tmp_path, files={"listeners.xml": no_listeners}) as server:
        await server.under_test.start_web()
        await server.store.dead_letters.add(letter)
        tasks = server.under_test.tasks
        redelivery = await tasks.submit(RedeliverOneTask.name, RedeliverOne(letter.group, letter.id))
        later = await tasks.submit("clear-mail-queue", ClearQueue("spool"))
        assert (await tasks.wait(later, 20)).status is TaskStatus.COMPLETED
        assert (await tasks.find(redelivery)).status is TaskStatus.WAITING
    async with running(tmp_path, files={"listeners.xml": "<listeners/>"}) as server:
        await server.under_test.start_web()
        ended = await server.under_test.tasks.wait(redelivery, 20)
        assert (ended.status, ended.state.information["failedRedeliveriesCount"]) == (TaskStatus.COMPLETED, 1)


async def test_a_task_that_another_process_runs_is_awaited_here(tmp_path: Path) -> None:
    switch = {"rabbitmq.properties": "task.consumption.enabled=false\n"}
    async with running(tmp_path, files=switch) as front, running(tmp_path, files={"rabbitmq.properties": ""}) as back:
        await back.under_test.start_web()
        tasks = front.under_test.tasks
        task_id = await tasks.submit("clear-mail-queue", ClearQueue("spool"))
        assert (await tasks.wait(task_id, 20)).status is TaskStatus.COMPLETED
