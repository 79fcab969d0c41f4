"""A broker that loses what it has."""

import asyncio

from compostela.base.errors import TemporaryFailure
from tests.distributed.queue.kit import SECONDS, QueueNode
from tests.distributed.queue.rabbit import make_vhost, remove_vhost


def vhost_of(uri: str) -> str:
    return uri.rpartition("/")[2]


async def taken(node: QueueNode, count: int) -> set[str]:
    """The names of the next mails, which are done."""
    queue = node.queues.queue("spool")
    items = [await asyncio.wait_for(queue.dequeue(), SECONDS) for _ in range(count)]
    await asyncio.gather(*(item.done() for item in items))
    return {item.mail.name for item in items}


async def wipe_broker(uri: str, *nodes: QueueNode) -> None:
    """All that the broker has is gone when this returns, and the nodes are connected to it again."""
    await asyncio.to_thread(remove_vhost, vhost_of(uri))
    for node in nodes:
        await is_lost(node)
    await asyncio.to_thread(make_vhost, vhost_of(uri))
    for node in nodes:
        await node.is_connected()


async def is_lost(node: QueueNode) -> None:
    """Waits until the node has noticed that the broker is away."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await node.broker.check()
            except TemporaryFailure:
                return
            await asyncio.sleep(0.005)
