"""The port between the processes of one server."""

from collections.abc import Callable
from typing import Protocol

Answering = Callable[[bytes], bytes]
"""Called on the loop with a question of another process; gives the answer at once. It raises nothing."""


class Peers(Protocol):
    """The other processes that work on the same stores.

    Embedded: there are none. Distributed: the nodes that have been heard of in the last seconds, asked over RabbitMQ."""

    def serve(self, answer: Answering) -> None:
        """Answers the questions of others from now on. Called once."""
        ...

    async def ask(self, question: bytes) -> list[bytes]:
        """The answers of all others, in no order. Raises `TemporaryFailure` if one of them does not answer within seconds,
        or if they cannot be asked; then some may have had the question."""
        ...
