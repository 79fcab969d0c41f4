"""How a command ends, and the errors that commands raise."""

from typing import Protocol

from compostela.base.errors import CompostelaError
from compostela.net.imap.server import ImapServer, ImapState


class Refused(CompostelaError):
    """`NO [code] text`; `status` may be BAD."""

    def __init__(self, text: str, code: str = "", status: str = "NO") -> None:
        super().__init__(text)
        self.code = code
        self.status = status


class Output(Protocol):
    """Where a command writes its untagged responses."""

    def write(self, octets: bytes) -> None:
        """Gathered and sent together."""
        ...

    async def drain(self) -> None:
        """Sends what is gathered and waits while the client does not read."""
        ...


class Context(Protocol):
    """What a command works with."""

    @property
    def server(self) -> ImapServer: ...

    @property
    def state(self) -> ImapState: ...

    @property
    def out(self) -> Output: ...
