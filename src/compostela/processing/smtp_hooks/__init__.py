"""SMTP hooks: the chain of a server and the packaged hooks, a module a family.

A family says in `HOOKS` which `handler` classes it has, by James's short names; they are gathered here.
"""

from compostela.processing.smtp_hooks import (
    dsn,
    future_release,
    messages,
    priority,
    recipients,
    relaying,
    require_tls,
    sender_policy,
    smtputf8,
)
from compostela.processing.smtp_hooks.context import HookFactory

HOOKS: dict[str, HookFactory] = {
    **dsn.HOOKS,
    **future_release.HOOKS,
    **messages.HOOKS,
    **priority.HOOKS,
    **recipients.HOOKS,
    **relaying.HOOKS,
    **require_tls.HOOKS,
    **sender_policy.HOOKS,
    **smtputf8.HOOKS,
}
HOOKS_NOT_YET = frozenset(
    {
        "AllowedUnauthenticatedSender",
        "ConfigurationAuthHook",
        "CrowdsecEhloHook",
        "CrowdsecSMTPConnectHandler",
        "DKIMHook",
        "DNSRBLHandler",
        "EnforceMtaSts",
        "JDBCGreylistHandler",
        "MaxConnectionLifespanHandler",
        "POP3BeforeSMTPHandler",
        "ResolvableEhloHeloHandler",
        "ReverseEqualsEhloHeloHandler",
        "SpamAssassinHandler",
        "SpamTrapHandler",
        "TestMtaSts",
        "URIRBLHandler",
        "ValidRcptMX",
        "ValidSenderDomainHandler",
    }
)
