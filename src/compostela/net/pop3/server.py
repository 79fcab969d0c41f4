"""What all sessions of one POP3 server share."""

from dataclasses import dataclass

from cachetools import FIFOCache

from compostela.base.clock import Clock
from compostela.core.filtering.ports import BanList
from compostela.core.mailbox.service import MailboxService
from compostela.model.username import Username
from compostela.net.authentication.logins import Logins
from compostela.net.pop3.settings import Pop3Settings

MAX_KNOWN = 50_000
"""Users whose last login is remembered for LOGIN-DELAY; the one with the oldest login is forgotten first."""


class LoginDelays:
    """The last login of each user, in the memory of the process: one for all its POP3 servers."""

    __slots__ = ("_clock", "_times")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: FIFOCache[Username, float] = FIFOCache(MAX_KNOWN)

    def admit(self, user: Username, seconds: int) -> bool:
        """Note a login to a server with this delay. Return False, and note nothing, if the last one was too short a time ago."""
        if not seconds:
            return True
        now = self._clock.monotonic()
        last = self._times.get(user)
        if last is not None and now - last < seconds:
            return False
        self._times[user] = now
        return True


@dataclass(frozen=True, slots=True)
class Pop3Server:
    """Settings and parts of one POP3 server."""

    settings: Pop3Settings
    mailboxes: MailboxService
    logins: Logins
    delays: LoginDelays
    bans: BanList | None = None
    """Asked about each client before the greeting."""

    def mechanisms(self, *, tls: bool, bound: frozenset[str]) -> list[str]:
        """SASL mechanisms of a channel; `bound` are those that this very TLS channel makes possible."""
        return self.logins.settings.available(tls=tls, bound=bound)

    def capabilities(self, *, tls: bool, bound: frozenset[str]) -> list[str]:
        """The lines of CAPA (RFC 2449 §6), the same before and after the login."""
        settings = self.settings
        found = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8 USER"]
        mechanisms = self.mechanisms(tls=tls, bound=bound)
        if mechanisms:
            found.append(f"SASL {' '.join(mechanisms)}")
        if settings.takes_passwords(tls=tls):
            found.append("USER")
        if settings.server.tls.starttls and not tls:
            found.append("STLS")
        if settings.expire:
            found.append(f"EXPIRE {settings.expire}")
        if settings.login_delay_seconds:
            found.append(f"LOGIN-DELAY {settings.login_delay_seconds}")
        return [*found, "IMPLEMENTATION Compostela"]
