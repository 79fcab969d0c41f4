"""Questions between nodes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from compostela.adapters.rabbitmq.peers import RabbitPeers
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.base.clock import SystemClock
from compostela.base.errors import TemporaryFailure
from tests.contracts.distance import eventually_within
from tests.contracts.peers import PeersContract
from tests.distributed.queue.conftest import broker_uri
from tests.distributed.queue.rabbit import remove_vhost

__all__ = ["broker_uri"]

PATIENCE = 60.0
NAMES = {b"here", b"there", b"yonder"}


async def answers(peers: RabbitPeers) -> bool:
    try:
        await peers.ask(b"ready")
    except TemporaryFailure:
        return False
    return True


async def answers_not(peers: RabbitPeers) -> bool:
    return not await answers(peers)


class TestRabbitPeers(PeersContract):
    @pytest.fixture
    async def nodes(self, broker_uri: str) -> AsyncIterator[dict[bytes, RabbitPeers]]:
        settings = RabbitSettings(broker_uri, last_pause_seconds=0.2)
        nodes = {name: RabbitPeers(settings, SystemClock(), name, lambda name=name: NAMES - {name}) for name in NAMES}
        for node in nodes.values():
            node.start()
        yield nodes
        await asyncio.gather(*(node.close() for node in nodes.values()))

    @pytest.fixture
    async def peers(self, nodes: dict[bytes, RabbitPeers], others: list[bytes]) -> RabbitPeers:
        for name in others:
            nodes[name].serve(lambda question, name=name: name + b":" + question)
        await eventually_within(PATIENCE)(lambda: answers(nodes[b"here"]))
        return nodes[b"here"]

    @pytest.fixture
    def others(self) -> list[bytes]:
        return [b"there", b"yonder"]

    async def test_a_node_that_is_away_makes_a_temporary_failure(
        self, nodes: dict[bytes, RabbitPeers], peers: RabbitPeers
    ) -> None:
        await nodes[b"yonder"].close()
        with pytest.raises(TemporaryFailure, match="1 of 2 nodes"):
            await peers.ask(b"who")

    async def test_without_a_broker_there_is_no_answer(self, peers: RabbitPeers, broker_uri: str) -> None:
        await asyncio.to_thread(remove_vhost, broker_uri.rpartition("/")[2])
        await eventually_within(PATIENCE)(lambda: answers_not(peers))
