"""SPF of a mail in the pipeline: which identity is checked, and for which clients."""

from ipaddress import ip_network

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


def read_ignored_networks(settings: Settings, context: MailetContext) -> tuple[Network, ...]:
    """Clients that are not asked about: `ignoredNetworks`, else private ones unless `ignoreLocalIps` is off."""
    ignores_local = settings.boolean("ignoreLocalIps", True)
    return tuple(read_networks(settings, "ignoredNetworks", context.host_addresses)) or (
        PRIVATE if ignores_local else ()
    )


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
