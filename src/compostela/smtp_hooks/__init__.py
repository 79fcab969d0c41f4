"""SMTP hooks: the chain of a server and the packaged hooks, a module a family.

A family says in `HOOKS` which `handler` classes it has, by James's short names; they are gathered here.
"""

from compostela.core.smtp_hooks.hooks import SmtpHook
from compostela.smtp_hooks import (
    block_lists,
    dkim,
    dns_checks,
    dsn,
    filters,
    future_release,
    greylist,
    hops,
    lifespan,
    logins,
    messages,
    mta_sts,
    priority,
    recipients,
    relaying,
    require_tls,
    sender_policy,
    smtputf8,
    spam_trap,
)

HOOKS: dict[str, type[SmtpHook]] = {
    **block_lists.HOOKS,
    **dkim.HOOKS,
    **dns_checks.HOOKS,
    **dsn.HOOKS,
    **filters.HOOKS,
    **future_release.HOOKS,
    **greylist.HOOKS,
    **hops.HOOKS,
    **lifespan.HOOKS,
    **logins.HOOKS,
    **messages.HOOKS,
    **mta_sts.HOOKS,
    **priority.HOOKS,
    **recipients.HOOKS,
    **relaying.HOOKS,
    **require_tls.HOOKS,
    **sender_policy.HOOKS,
    **smtputf8.HOOKS,
    **spam_trap.HOOKS,
}
