"""Publishes over one connection with confirms; a connection that fails is made anew at the next call."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compostela.core.exchanges.ports import Exchange, NotPublished

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange

SECONDS = 10.0
"""For one call: to connect to one of the nodes, and to have all messages confirmed."""


class AmqpPublisher:
    """See `compostela.core.exchanges.ports.ExchangePublisher`."""

    def __init__(self, uris: Sequence[str], timeout_seconds: float = SECONDS) -> None:
        """`uris` are those of the broker's nodes, which are tried in order. Raises `ImportError` if aio-pika is not installed."""
        import aio_pika  # noqa: F401 - a configuration that needs the extra is told at the start

        self._uris = uris
        self._timeout_seconds = timeout_seconds
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchanges: dict[Exchange, AbstractExchange] = {}
        self._changing = asyncio.Lock()

    async def publish(self, exchange: Exchange, messages: Sequence[bytes]) -> None:
        import aio_pika

        try:
            async with asyncio.timeout(self._timeout_seconds):
                opened = await self._opened(exchange)
                for one in messages:
                    message = aio_pika.Message(one, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                    await opened.publish(message, exchange.routing_key, mandatory=False)
        # RuntimeError is what aio-pika raises for a channel that is closed
        except (aio_pika.exceptions.AMQPError, OSError, RuntimeError, ValueError) as error:
            await self.close()
            raise NotPublished(f"{exchange.name} cannot be published to: {error or type(error).__name__}") from error

    async def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._exchanges.clear()
        if connection is not None and not connection.is_closed:
            await connection.close()

    async def _opened(self, exchange: Exchange) -> "AbstractExchange":
        async with self._changing:
            if (
                self._connection is None
                or self._connection.is_closed
                or self._channel is None
                or self._channel.is_closed
            ):
                await self.close()
                self._connection = await self._connected()
                self._channel = await self._connection.channel(publisher_confirms=True)
            found = self._exchanges.get(exchange)
            if found is None:
                found = await self._channel.declare_exchange(exchange.name, exchange.kind, durable=True)
                self._exchanges[exchange] = found
            return found

    async def _connected(self) -> "AbstractConnection":
        import aio_pika

        for uri in self._uris[:-1]:
            try:
                return await aio_pika.connect(uri, timeout=self._timeout_seconds / len(self._uris))
            except (aio_pika.exceptions.AMQPError, OSError):
                continue  # the next node
        return await aio_pika.connect(self._uris[-1])
