"""What publishers to exchanges keep to."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from compostela.core.exchanges.ports import Exchange, ExchangePublisher, NotPublished

Bound = Callable[[Exchange], Awaitable[Callable[[int], Awaitable[list[bytes]]]]]


class ExchangePublisherContract:
    """A subclass gives `publisher`, `away`, whose broker does not answer, `silent`, whose broker accepts connections and says nothing, and
    `bound`, which binds a new queue to an exchange and gives a function that waits for this many messages."""

    ports = (ExchangePublisher,)

    async def test_messages_arrive_in_order(self, publisher: ExchangePublisher, bound: Bound, name: str) -> None:
        exchange = Exchange(name, "direct", "key")
        taken = await bound(exchange)
        messages = [b"", b"\x00\xff", b"x" * 1_000_000]
        await publisher.publish(exchange, messages)
        assert await taken(3) == messages

    async def test_callers_publish_at_once(self, publisher: ExchangePublisher, bound: Bound, name: str) -> None:
        exchange = Exchange(name, "fanout")
        taken = await bound(exchange)
        await asyncio.gather(*(publisher.publish(exchange, [b"%d" % number]) for number in range(20)))
        assert sorted(await taken(20)) == sorted(b"%d" % number for number in range(20))

    async def test_without_a_queue_messages_are_dropped(self, publisher: ExchangePublisher, name: str) -> None:
        await publisher.publish(Exchange(name, "topic", "a.b"), [b"x"])
        await publisher.publish(Exchange(name, "topic", "a.b"), [])

    async def test_a_refusal_is_told_and_the_next_call_succeeds(
        self, publisher: ExchangePublisher, bound: Bound, name: str
    ) -> None:
        exchange = Exchange(name, "direct", "key")
        taken = await bound(exchange)
        with pytest.raises(NotPublished):
            await publisher.publish(Exchange(name, "fanout"), [b"of another type"])
        await publisher.publish(exchange, [b"x"])
        await publisher.close()
        await publisher.publish(exchange, [b"y"])
        assert await taken(2) == [b"x", b"y"]

    async def test_a_broker_that_is_away_is_told(self, away: ExchangePublisher) -> None:
        with pytest.raises(NotPublished):
            await away.publish(Exchange("any"), [b"x"])
        await away.close()

    async def test_silence_ends(self, silent: ExchangePublisher) -> None:
        with pytest.raises(NotPublished):
            await silent.publish(Exchange("any"), [b"x"])
