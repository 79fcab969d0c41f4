"""The hooks of the SMTP and LMTP servers, and what hooks may use."""

from compostela.adapters.crowdsec.bans import CrowdsecBans
from compostela.adapters.spamassassin.spamd import Spamd
from compostela.app.configuration.folder import Configuration
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.settings import Problems
from compostela.core.authentication.recent_logins import RecentLogins
from compostela.core.dns.ports import DnsResolver
from compostela.core.smtp_hooks.hooks import HookChain
from compostela.mailauth.dns import AuthenticationDns
from compostela.net.host_addresses import system_addresses
from compostela.net.lmtp.settings import LmtpSettings
from compostela.net.smtp.settings import SmtpSettings, VerifyIdentity
from compostela.smtp_hooks.chain import build_chain
from compostela.smtp_hooks.context import HookContext


def make_bans(configuration: Configuration, clock: Clock, problems: Problems) -> CrowdsecBans | None:
    """The bans of CrowdSec, if it is configured; a server that asks for them without is complained about."""
    bans = CrowdsecBans(configuration.crowdsec, clock) if configuration.crowdsec is not None else None
    checks = [
        *(one.ban_check for one in configuration.imap),
        *(one.ban_check for one in configuration.pop3),
        *(one.ban_check for one in configuration.managesieve),
    ]
    for check in checks:
        if check is not None and bans is None:
            problems.error(check, "the check needs crowdsec.properties, with crowdsecUrl and apiKey")
    return bans


def hook_context(
    stores: Stores,
    services: Services,
    dns: DnsResolver,
    authentication_dns: AuthenticationDns,
    bans: CrowdsecBans | None,
    recent_logins: RecentLogins,
    clock: Clock,
) -> HookContext:
    return HookContext(
        domains=services.domains,
        users=services.users,
        rewriting=services.rewriting,
        dns=dns,
        authentication_dns=authentication_dns,
        host_addresses=system_addresses,
        clock=clock,
        spamd=Spamd,
        bans=bans,
        greylist=stores.greylist,
        recent_logins=recent_logins,
    )


def smtp_chain(settings: SmtpSettings, context: HookContext) -> HookChain:
    """Complaints about handlers go to their settings' problems."""
    return build_chain(
        settings.handlers,
        context,
        auth_required=settings.auth_required,
        verify_identity=settings.verify_identity is not VerifyIdentity.DISABLED,
        relaxed=settings.verify_identity is VerifyIdentity.RELAXED,
    )


def lmtp_chain(settings: LmtpSettings, context: HookContext) -> HookChain:
    """As `smtp_chain`."""
    return build_chain(settings.session.handlers, context, check_recipients=True)
