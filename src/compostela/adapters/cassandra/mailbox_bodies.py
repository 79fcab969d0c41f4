"""What the mailbox store asks of the store of bodies."""

from typing import Protocol

from compostela.core.blob.model import Body


class BodyStore(Protocol):
    """Bodies by their SHA-256 digest. Equal bodies are stored once."""

    async def keep(self, body: Body) -> None:
        """Make a body durable, unless the store has it. Raises `StorageFull` and `TemporaryFailure`; may be repeated."""
        ...

    def body(self, digest: bytes, size: int) -> Body:
        """The body with this digest and so many octets, which is read when asked for."""
        ...
