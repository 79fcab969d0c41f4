"""What the queues ask of the broker that hands entries out."""

from collections.abc import Callable
from typing import Protocol


class Handed(Protocol):
    """A message that the broker handed to this process. It goes to another process if this one goes away before `ack`."""

    @property
    def body(self) -> bytes: ...

    @property
    def is_redelivered(self) -> bool:
        """Whether it was handed out before."""
        ...

    async def ack(self) -> None:
        """Removes it. Never raises: what cannot be removed comes again, and is found to be old then."""
        ...


class Broker(Protocol):
    """Hands each message of a queue to one process. It may lose messages and hand one out twice: the truth is elsewhere."""

    async def publish(self, queue: str, body: bytes, *, urgent: bool) -> None:
        """Acknowledged by the broker when it returns. Raises `TemporaryFailure`."""
        ...

    def consume(self, queue: str, on_message: Callable[[Handed], None], on_lost: Callable[[], None]) -> None:
        """From now on, whenever the broker is there. `on_lost`: what was handed and not acknowledged goes to others."""
        ...

    async def stop_consuming(self, queue: str) -> None: ...

    async def ready(self, queue: str) -> int:
        """Messages that no process has. Raises `TemporaryFailure`."""
        ...
