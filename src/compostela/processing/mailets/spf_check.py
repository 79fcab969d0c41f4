"""SPF of a mail in the pipeline: which identity is checked, and for which clients."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated

from compostela.base.declarations import Boolean, Many
from compostela.base.declared import Declared
from compostela.base.settings import Settings
from compostela.core.mail.attributes import HELO
from compostela.core.mail.model import Mail
from compostela.core.networks import Network, is_in, read_networks
from compostela.mailauth.spf.evaluation import check_identity
from compostela.mailauth.spf.result import SpfIdentity, SpfResult
from compostela.processing.mailet import MailetContext

PRIVATE = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fe80::/10", "fc00::/7")
)


@dataclass(frozen=True, slots=True)
class ClientSettings(Declared):
    """Which clients are asked about."""

    ignored: Annotated[tuple[Network, ...], Many("ignoredNetworks")] = ()
    """Addresses, networks and host names of clients that are not asked about, by default private networks."""
    ignores_local: Annotated[bool, Boolean("ignoreLocalIps")] = True
    """Whether private networks are the default of `ignoredNetworks`; else there is none."""

    @property
    def all_ignored(self) -> tuple[Network, ...]:
        """Clients that are not asked about."""
        return self.ignored or (PRIVATE if self.ignores_local else ())


def read_ignored(settings: Settings, context: MailetContext) -> tuple[Network, ...]:
    """`ignoredNetworks`."""
    return read_networks(settings, "ignoredNetworks", context.host_addresses)


async def spf_of(
    mail: Mail, context: MailetContext, ignored: tuple[Network, ...]
) -> tuple[SpfIdentity, SpfResult] | None:
    """None for a client in `ignored`, and for a mail without sender from a client without a name."""
    helo = str(mail.attributes.get(HELO, ""))
    if is_in(mail.remote_address, ignored) or (mail.sender is None and not helo):
        return None
    identity = SpfIdentity(mail.remote_address, helo or "unknown", mail.sender)
    result = await check_identity(identity, context.authentication_dns, context.clock.now(), context.hello_name)
    return identity, result
