"""What all sessions of one IMAP server share, and what each of them knows."""

from dataclasses import dataclass, field

from compostela.base.clock import Clock
from compostela.core.blob.ports import BlobStore
from compostela.core.filtering.ports import BanList
from compostela.core.mailbox.manager import MailboxManager
from compostela.core.mailbox.view import MailboxView
from compostela.core.users.service import UsersRepository
from compostela.model.username import Username
from compostela.net.imap.settings import ImapSettings

CAPABILITIES = (
    "IMAP4rev1", "LITERAL+", "CHILDREN", "CONDSTORE", "IDLE", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "NAMESPACE",
    "ENABLE", "SASL-IR", "ID", "UNSELECT", "MOVE", "UIDPLUS", "STATUS=SIZE", "OBJECTID", "WITHIN",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Settings and parts of one IMAP server."""

    settings: ImapSettings
    mailboxes: MailboxManager
    users: UsersRepository
    blobs: BlobStore
    clock: Clock
    bans: BanList | None = None
    """Who is asked about each client, before the greeting."""

    def may_log_in(self, tls: bool) -> bool:
        """Whether passwords are taken on this channel."""
        return self.settings.plain_enabled and (tls or not self.settings.require_ssl)

    def capabilities(self, *, tls: bool, logged_in: bool) -> str:
        found = list(CAPABILITIES)
        limit = self.settings.max_literal_bytes
        found.append(f"APPENDLIMIT={limit}" if limit else "APPENDLIMIT")
        if not logged_in:
            found.append("AUTH=PLAIN" if self.may_log_in(tls) else "LOGINDISABLED")
            if self.settings.server.tls.starttls and not tls:
                found.append("STARTTLS")
        return " ".join(one for one in found if one not in self.settings.hidden_capabilities)


@dataclass(slots=True)
class ImapState:
    """What one session knows."""

    user: Username | None = None
    view: MailboxView | None = None
    condstore: bool = False
    """Whether the client wants ModSeqs."""
    login_failures: int = 0
    enabled: set[str] = field(default_factory=set)
