"""What all sessions of one ManageSieve server share."""

from dataclasses import dataclass

from compostela.core.filtering.ports import BanList
from compostela.core.sieve.lists import SCHEMES
from compostela.core.sieve.service import SieveService
from compostela.model.username import Username
from compostela.net.authentication.logins import Logins
from compostela.net.managesieve.settings import ManageSieveSettings
from compostela.protocols.managesieve.responses import Capabilities
from compostela.sieve.capabilities import CAPABILITIES, NOTIFY_METHODS
from compostela.sieve.limits import Limits

IMPLEMENTATION = "Compostela"


@dataclass(frozen=True, slots=True)
class ManageSieveServer:
    """Settings and parts of one ManageSieve server."""

    settings: ManageSieveSettings
    scripts: SieveService
    logins: Logins
    limits: Limits
    """Of the Sieve engine."""
    bans: BanList | None = None
    """Asked about each client before the greeting."""

    @property
    def max_script_bytes(self) -> int:
        """What the Sieve engine reads at most."""
        return self.limits.script_octets

    def capabilities(self, user: Username | None, *, tls: bool, bound: frozenset[str]) -> bytes:
        """The lines of the greeting and of CAPABILITY (RFC 5804 §1.7). `bound` are the mechanisms that this very TLS channel makes
        possible."""
        return bytes(
            Capabilities(
                implementation=IMPLEMENTATION,
                sieve=sorted(CAPABILITIES),
                mechanisms=self.logins.settings.available(tls=tls, bound=bound),
                starttls=self.settings.server.tls.starttls and not tls,
                owner="" if user is None else str(user),
                max_redirects=self.limits.redirects,
                notify=NOTIFY_METHODS,
                lists=SCHEMES,
            )
        )
