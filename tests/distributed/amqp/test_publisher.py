"""The publisher keeps to the contract with a real RabbitMQ."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import aio_pika
import pytest

from compostela.adapters.amqp.publisher import AmqpPublisher
from compostela.core.exchanges.ports import Exchange
from tests.contracts.exchanges import Bound, ExchangePublisherContract
from tests.filter_servers import scanner_saying

PORT = 15673 + int(os.environ.get("ENGINES_PORT_OFFSET") or 0)
URI = f"amqp://guest:guest@127.0.0.1:{PORT}/"
NOWHERE = "amqp://guest:guest@127.0.0.1:1/"
PATIENCE = 60.0


class TestAmqpPublisher(ExchangePublisherContract):
    @pytest.fixture
    def name(self) -> str:
        return f"test-{uuid4()}"

    @pytest.fixture
    async def publisher(self) -> AsyncIterator[AmqpPublisher]:
        made = AmqpPublisher([NOWHERE, URI], PATIENCE)
        yield made
        await made.close()

    @pytest.fixture
    def away(self) -> AmqpPublisher:
        return AmqpPublisher([NOWHERE], PATIENCE)

    @pytest.fixture
    async def silent(self) -> AsyncIterator[AmqpPublisher]:
        async with scanner_saying(None) as (port, _):
            yield AmqpPublisher([f"amqp://127.0.0.1:{port}/"], 0.2)

    @pytest.fixture
    async def bound(self) -> AsyncIterator[Bound]:
        made: list[aio_pika.abc.AbstractExchange] = []
        async with await aio_pika.connect(URI) as connection:
            channel = await connection.channel()

            async def bind(exchange: Exchange) -> Callable[[int], Awaitable[list[bytes]]]:
                declared = await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
                made.append(declared)
                queue = await channel.declare_queue(exclusive=True)
                await queue.bind(declared, exchange.routing_key)

                async def taken(count: int) -> list[bytes]:
                    found: list[bytes] = []
                    async with asyncio.timeout(PATIENCE), queue.iterator(no_ack=True) as messages:
                        async for one in messages:
                            found.append(one.body)
                            if len(found) == count:
                                break
                    return found

                return taken

            yield bind
            for one in made:
                await one.delete()
