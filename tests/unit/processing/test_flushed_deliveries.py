"""A mail that an administrator flushes is tried, also if its destination could not be reached a moment ago."""

from dataclasses import dataclass
from pathlib import Path

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.queue.ports import MailQueue
from compostela.model.domain import Domain
from compostela.processing.remote_delivery.deliverer import Deliverer
from compostela.processing.remote_delivery.next_hops import Hop
from compostela.processing.remote_delivery.settings import read_remote_delivery_settings
from compostela.testing.mails import a_mail
from compostela.testing.pipeline import server_context
from compostela.testing.ports import free_port
from tests.contracts.next_hop import HOST, Peer


@dataclass
class OneHop:
    """One exchanger for every domain."""

    port: int

    async def find(self, domain: Domain) -> list[Hop]:
        return [Hop(HOST, self.port, f"mx.{domain}")]


async def waiting(queue: MailQueue) -> list[tuple[int, bool]]:
    return [(mail.failures, mail.next_delivery_at is not None) async for mail in queue.browse()]


async def test_a_flushed_mail_is_tried_though_its_destination_is_paused(tmp_path: Path) -> None:
    async with server_context(tmp_path) as context:
        given = Node("mailet", Place(""), children=[Node("tlsPolicies", Place(""), "false")])
        settings = read_remote_delivery_settings(Settings(given, Problems()), "own.example")
        hop = OneHop(free_port())
        deliver = Deliverer(settings, context, hop).deliver
        queue = context.queues.queue("outgoing")
        for number in range(2):
            await queue.enqueue(a_mail(f"mail{number}", recipients=("x@elsewhere.example",)))
            await deliver(await queue.dequeue())
        # the first one was tried, the second one waits for the destination
        assert await waiting(queue) == [(1, True), (0, True)]
        await queue.flush()
        for _ in range(2):
            await deliver(await queue.dequeue())
        # one more try has shown that the destination is still away
        assert sorted(await waiting(queue)) in ([(0, True), (2, True)], [(1, True), (1, True)])
        async with Peer().running() as peer:
            hop.port = peer.port
            await queue.flush()
            for _ in range(2):
                await deliver(await queue.dequeue())
            assert await waiting(queue) == []
            assert len(peer.data) == 2
            await context.sender.close()
