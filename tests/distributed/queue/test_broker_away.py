"""The broker may lose everything and be away: what was accepted is handed out all the same."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from compostela.adapters.cassandra.queue_tasks import RepublishTask
from compostela.adapters.rabbitmq.broker import RabbitBroker
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.base.errors import TemporaryFailure
from compostela.core.idempotency import Effect
from compostela.core.queue.ports import MailQueues
from compostela.core.queue.tasks import RepublishNotProcessed
from compostela.model.numbers import EffectKey
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from tests.contracts.distance import SKEW_SECONDS, Faulty
from tests.distributed.queue.kit import SECONDS, QueueNode
from tests.distributed.queue.loss import is_lost, taken, vhost_of, wipe_broker
from tests.distributed.queue.rabbit import make_vhost, remove_vhost
from tests.distributed.task_runs import run_task


async def test_what_the_broker_lost_is_handed_out_again(node: QueueNode, broker_uri: str, clock: FakeClock) -> None:
    queue = node.queues.queue("spool")
    for number in range(3):
        await queue.enqueue(a_mail(str(number)))
    await queue.enqueue(a_mail("delayed"), delay_seconds=86400)
    await wipe_broker(broker_uri, node)
    assert await node.queues.sweep() == 0, "they are too young to be lost"
    clock.advance(3600)
    assert await node.queues.sweep() == 3
    assert await taken(node, 3) == {"0", "1", "2"}
    assert await node.queues.sweep() == 0
    assert await queue.size() == 1


async def test_an_administrator_has_lost_mails_of_an_age_handed_out_again(
    node: QueueNode, broker_uri: str, clock: FakeClock
) -> None:
    queue = node.queues.queue("spool")
    await queue.enqueue(a_mail("old"))
    clock.advance(50)
    await queue.enqueue(a_mail("young"))
    await wipe_broker(broker_uri, node)
    clock.advance(70)
    task = RepublishTask(node.queues)
    for count, age in ((0, 3600.0), (1, 100.0)):
        told = await run_task(task, RepublishNotProcessed("spool", age))
        assert told["nbRequeuedMails"] == count
    assert await taken(node, 1) == {"old"}


async def test_what_a_node_with_a_clock_that_is_ahead_enqueued_is_handed_out_again(
    node: QueueNode, node_elsewhere: QueueNode, broker_uri: str, clock: FakeClock
) -> None:
    """That node may be dead: its time would come in an hour."""
    await node_elsewhere.queues.queue("spool").enqueue(a_mail("ahead"))
    await node_elsewhere.queues.queue("spool").enqueue(a_mail("delayed"), delay_seconds=86400)
    await wipe_broker(broker_uri, node)
    assert await node.queues.sweep() == 0, "it may be new"
    clock.advance(SKEW_SECONDS / 4)
    assert await node.queues.sweep() == 1
    assert await taken(node, 1) == {"ahead"}
    clock.advance(SKEW_SECONDS / 4)
    assert await node.queues.sweep() == 0


async def test_mail_is_accepted_while_the_broker_is_away(node: QueueNode, broker_uri: str) -> None:
    queue = node.queues.queue("spool")
    vhost = vhost_of(broker_uri)
    await asyncio.to_thread(remove_vhost, vhost)
    await is_lost(node)
    for number in range(3):
        await queue.enqueue(a_mail(str(number)))
    await asyncio.to_thread(make_vhost, vhost)
    assert await taken(node, 3) == {"0", "1", "2"}


async def test_what_is_in_work_when_the_broker_is_lost_is_neither_doubled_nor_a_death(
    node: QueueNode, node_elsewhere: QueueNode, broker_uri: str, clock: FakeClock
) -> None:
    queue, other = (one.queues.queue("spool") for one in (node, node_elsewhere))
    await queue.enqueue(a_mail())
    item = await asyncio.wait_for(queue.dequeue(), SECONDS)
    waiting = asyncio.ensure_future(other.dequeue())
    await wipe_broker(broker_uri, node, node_elsewhere)
    clock.advance(3600)
    assert await swept(node_elsewhere) == 0, "a living node has it in work"
    await item.retry(item.mail)
    again = await asyncio.wait_for(waiting, SECONDS) if not queue.at_hand else await queue.dequeue()
    assert again.attempts == 0
    await again.done()
    waiting.cancel()
    assert await queue.size() == 0


async def test_what_waits_after_a_failure_when_the_broker_is_lost_is_not_forgotten(
    node: QueueNode, node_elsewhere: QueueNode, broker_uri: str, clock: FakeClock, faulty: Faulty
) -> None:
    """Its row says that this node has it in work, so no other one takes it."""
    queue = node.queues.queue("spool")
    await queue.enqueue(a_mail())
    item = await asyncio.wait_for(queue.dequeue(), SECONDS)
    with faulty.refuses():
        await item.retry(item.mail)
    await wipe_broker(broker_uri, node, node_elsewhere)
    clock.advance(3600)
    assert await swept(node_elsewhere) == 0
    assert await taken(node, 1) == {item.mail.name}
    assert await queue.size() == 0


async def swept(node: QueueNode) -> int:
    """RabbitMQ 4 may end a connection once more that consumes from a queue while another node declares it."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await node.queues.sweep()
            except TemporaryFailure:
                await node.is_connected()


async def test_an_unknown_outcome_is_repeated_under_its_key(queues: MailQueues, faulty: Faulty) -> None:
    spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
    await spool.enqueue(a_mail())
    item = await spool.dequeue()
    key = Effect(item.entry, EffectKey("out"))
    calls: list[Callable[[], Awaitable[object]]] = [lambda: outgoing.enqueue(a_mail("out"), effect=key), item.done]
    for call in calls:
        for fault in (faulty.refuses, faulty.drops_answers):
            with fault(), pytest.raises(TemporaryFailure):
                await call()
        with faulty.delays():
            await call()
    assert (await spool.size(), await outgoing.size()) == (0, 1)
    assert [mail.name async for mail in outgoing.browse()] == ["out"]


async def test_the_same_effect_at_once_with_several_mails_leaves_one_of_them_whole(
    queues: MailQueues, queues_elsewhere: MailQueues
) -> None:
    entry = await queues.queue("spool").enqueue(a_mail())
    key = Effect(entry, EffectKey("out"))

    async def run(one: MailQueues, who: str) -> None:
        mail = a_mail("out", sender=f"{who}@example.org", body=who.encode())
        await one.queue("outgoing").enqueue(mail, effect=key)

    await asyncio.gather(*(run((queues, queues_elsewhere)[n % 2], f"run{n}") for n in range(6)))
    outgoing = queues.queue("outgoing")
    assert await outgoing.size() == 1
    mail = (await asyncio.wait_for(outgoing.dequeue(), SECONDS)).mail
    assert (await mail.content.body.read()).decode() == str(mail.sender).partition("@")[0]


async def test_a_large_body_is_kept_apart_and_survives_the_queue(node: QueueNode) -> None:
    queue = node.queues.queue("spool")
    body = b"large " * 10_000
    await queue.enqueue(a_mail(body=body))
    item = await asyncio.wait_for(queue.dequeue(), SECONDS)
    assert await item.mail.content.body.read() == body
    await item.retry(item.mail)
    again = await asyncio.wait_for(queue.dequeue(), SECONDS)
    assert await again.mail.content.body.read() == body


async def test_a_broker_is_closed_while_it_connects(broker_uri: str, clock: FakeClock) -> None:
    """A server whose configuration is wrong closes its stores a moment after it has opened them; the driver takes a cancellation
    for itself at some of its steps."""
    for rounds in range(0, 400, 20):
        broker = RabbitBroker(RabbitSettings(broker_uri), clock, 1)
        broker.start()
        for _ in range(rounds):
            await asyncio.sleep(0.0001)
        async with asyncio.timeout(SECONDS):
            await broker.close()
