"""SMTP hooks: the chain of a server and the packaged hooks, a module a family.

A family says in `HOOKS` which `handler` classes it has, by James's short names; they are gathered here.
"""

from compostela.processing.smtp_hooks import messages, recipients, relaying, sender_policy
from compostela.processing.smtp_hooks.context import HookFactory

HOOKS: dict[str, HookFactory] = {
    **messages.HOOKS,
    **recipients.HOOKS,
    **relaying.HOOKS,
    **sender_policy.HOOKS,
}
HOOKS_NOT_YET = frozenset(
    {
        "AllowedUnauthenticatedSender",
        "ConfigurationAuthHook",
        "CrowdsecEhloHook",
        "CrowdsecSMTPConnectHandler",
        "DKIMHook",
        "DNSRBLHandler",
        "DSNEhloHook",
        "DSNMailParameterHook",
        "DSNMessageHook",
        "DSNRcptParameterHook",
        "EnforceMtaSts",
        "FutureReleaseEHLOHook",
        "FutureReleaseMailParameterHook",
        "JDBCGreylistHandler",
        "MailPriorityHandler",
        "MaxConnectionLifespanHandler",
        "POP3BeforeSMTPHandler",
        "ResolvableEhloHeloHandler",
        "ReverseEqualsEhloHeloHandler",
        "SmtpMtPriorityEhloHook",
        "SmtpMtPriorityMessageHook",
        "SmtpMtPriorityParameterHook",
        "SmtpRequireTlsEhloHook",
        "SmtpRequireTlsMessageHook",
        "SmtpRequireTlsParameterHook",
        "SmtpUtf8MailHook",
        "SmtpUtf8RcptHook",
        "SpamAssassinHandler",
        "SpamTrapHandler",
        "TestMtaSts",
        "URIRBLHandler",
        "ValidRcptMX",
        "ValidSenderDomainHandler",
    }
)
