"""How a command ends, and the errors that commands raise."""

from collections.abc import Callable, Coroutine
from typing import Protocol

from compostela.base.errors import CompostelaError
from compostela.core.mailbox.session import MailboxSession
from compostela.model.username import Username
from compostela.net.imap.server import ImapServer, ImapState
from compostela.net.tls.channel import TlsChannel

Then = Callable[[bytes], Coroutine[None, None, str | None]]
"""Goes on with the client's next line. Gives what a command gives: see `dispatch.execute`."""


class Refused(CompostelaError):
    """`NO [code] text`; `status` may be BAD."""

    def __init__(self, text: str, code: str = "", status: str = "NO") -> None:
        super().__init__(text)
        self.code = code
        self.status = status


def mailboxes_of(state: ImapState) -> MailboxSession:
    """The mailbox session of a session that is logged in: `dispatch` calls commands in that state only."""
    assert state.mailboxes is not None
    return state.mailboxes


def user_of(state: ImapState) -> Username:
    """The user of a session that is logged in."""
    assert state.user is not None
    return state.user


class ResponseCut(CompostelaError):
    """A response was begun and cannot be ended: whatever followed, the client would take for a part of it. The connection
    must be aborted."""


class Output(Protocol):
    """Where a command writes its untagged responses."""

    def write(self, octets: bytes) -> None:
        """Gathered and sent together."""
        ...

    async def drain(self, above: int = 0) -> None:
        """Sends what is gathered, if it is at least `above` octets, and waits while the client does not read. Lets other sessions
        work after a slice of time, so a long command calls it after each piece of its work."""
        ...


class Context(Protocol):
    """What a command works with."""

    @property
    def server(self) -> ImapServer: ...

    @property
    def state(self) -> ImapState: ...

    @property
    def out(self) -> Output: ...

    @property
    def tls(self) -> bool: ...

    @property
    def tls_channel(self) -> TlsChannel | None: ...

    def ask(self, challenge: bytes, then: Then) -> None:
        """Send a challenge of AUTHENTICATE and go on with the client's next line."""
        ...
