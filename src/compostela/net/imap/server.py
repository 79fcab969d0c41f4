"""What all sessions of one IMAP server share, and what each of them knows."""

from dataclasses import dataclass, field

from compostela.base.clock import Clock
from compostela.core.blob.ports import BlobStore
from compostela.core.filtering.ports import BanList
from compostela.core.mailbox.service import MailboxService
from compostela.core.mailbox.session import MailboxSession
from compostela.core.mailbox.view import MailboxView
from compostela.model.username import Username
from compostela.net.authentication.logins import Logins
from compostela.net.imap.settings import ImapSettings
from compostela.protocols.imap.state import State

CAPABILITIES = (
    "IMAP4rev1", "LITERAL+", "CHILDREN", "CONDSTORE", "IDLE", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "NAMESPACE",
    "ENABLE", "SASL-IR", "ID", "UNSELECT", "MOVE", "UIDPLUS", "STATUS=SIZE", "OBJECTID", "WITHIN",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Settings and parts of one IMAP server."""

    settings: ImapSettings
    mailboxes: MailboxService
    logins: Logins
    blobs: BlobStore
    clock: Clock
    bans: BanList | None = None
    """Asked about each client before the greeting."""
    _capabilities: dict[tuple[bool, bool, frozenset[str]], str] = field(default_factory=dict, init=False)
    """Made once for each kind of session; there are few kinds."""

    def capabilities(self, *, tls: bool, logged_in: bool, bound: frozenset[str]) -> str:
        """`bound` are mechanisms that the TLS channel makes possible."""
        kind = (tls, logged_in, bound)
        text = self._capabilities.get(kind)
        if text is None:
            text = self._capabilities[kind] = self._capabilities_of(tls=tls, logged_in=logged_in, bound=bound)
        return text

    def _capabilities_of(self, *, tls: bool, logged_in: bool, bound: frozenset[str]) -> str:
        found = list(CAPABILITIES)
        limit = self.settings.max_literal_bytes
        found.append(f"APPENDLIMIT={limit}" if limit else "APPENDLIMIT")
        if not logged_in:
            auth = self.logins.settings
            found += [f"AUTH={name}" for name in auth.available(tls=tls, bound=bound)]
            if not auth.takes_passwords(tls=tls):
                found.append("LOGINDISABLED")
            if self.settings.server.tls.starttls and not tls:
                found.append("STARTTLS")
        return " ".join(one for one in found if one not in self.settings.hidden_capabilities)


@dataclass(slots=True)
class ImapState:
    """What one session knows."""

    address: str = ""
    """Of the client."""
    bound_mechanisms: frozenset[str] = frozenset()
    """SASL mechanisms that the TLS channel makes possible."""
    user: Username | None = None
    mailboxes: MailboxSession | None = None
    """The user's, from the login on."""
    view: MailboxView | None = None
    condstore: bool = False
    """Whether the client wants ModSeqs."""
    repeats_exists: bool = False
    """An EXISTS came within FETCH, STORE or SEARCH since the last NOOP: IDLE repeats it, for Thunderbird ignores it there."""
    login_failures: int = 0
    enabled: set[str] = field(default_factory=set)

    @property
    def reached(self) -> State:
        """The state of the session, which decides what commands are allowed."""
        if self.user is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.view is None else State.SELECTED
