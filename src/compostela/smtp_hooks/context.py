"""What the server offers to SMTP hooks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from compostela.base.clock import Clock
from compostela.core.authentication.failure_ports import RecentLogins
from compostela.core.dns.ports import DnsResolver
from compostela.core.domains.service import DomainList
from compostela.core.filtering.ports import BanList, GreylistStore, SpamScanner
from compostela.core.networks import Resolve
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.service import UsersRepository
from compostela.mailauth.dns import AuthenticationDns

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HookContext:
    """The parts of the server that hooks may use."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    dns: DnsResolver
    authentication_dns: AuthenticationDns
    """The same resolver as SPF and DKIM ask it."""
    host_addresses: Resolve
    """Addresses of the host names in a hook's settings."""
    clock: Clock
    spamd: Callable[[str, int, float], SpamScanner]
    """The spamd at a host and port, with the seconds that it has for an answer."""
    bans: BanList | None
    """None without crowdsec.properties."""
    greylist: GreylistStore
    recent_logins: RecentLogins
    """At the mailbox protocols."""
    _shared: dict[type, object] = field(default_factory=dict)

    def shared(self, kind: type[T], make: Callable[[], T]) -> T:
        """The one object of its kind that the hooks of all servers in this process have in common, made at first use."""
        found = self._shared.get(kind)
        if not isinstance(found, kind):
            found = self._shared[kind] = make()
        return found
