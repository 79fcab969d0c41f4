"""The publisher's side of AMQP 0-9-1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from compostela.base.errors import TemporaryFailure


class NotPublished(TemporaryFailure):
    """The broker did not confirm in time. It may have some of the messages, or all."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where messages go: an exchange, by its name and type (`direct`, `fanout`, `topic`, `headers`), and their routing key."""

    name: str
    kind: str = "direct"
    routing_key: str = ""


class ExchangePublisher(Protocol):
    """Publishes to the exchanges of one broker, which is one or several nodes. Embedded and distributed alike: nothing is kept here, and a
    message that is published twice arrives twice. Several callers may publish at once."""

    async def publish(self, exchange: Exchange, messages: Sequence[bytes]) -> None:
        """Publish the messages in their order, as durable ones, and return when the broker has confirmed all of them. A durable exchange is
        made if there is none of the name. A message for which no queue is bound is dropped. Raises `NotPublished` at the latest after a
        time of its own; the next call tries again."""
        ...

    async def close(self) -> None:
        """End the connection. A later `publish` makes a new one."""
        ...
