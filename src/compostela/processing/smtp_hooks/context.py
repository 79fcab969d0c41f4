"""What the server offers to SMTP hooks."""

from collections.abc import Callable
from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.base.settings import Settings
from compostela.core.dns.ports import DnsResolver
from compostela.core.domains.service import DomainList
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.smtp.hooks import SmtpHook
from compostela.core.users.service import UsersRepository


@dataclass(frozen=True, slots=True)
class HookContext:
    """The parts of the server that hooks may use."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    dns: DnsResolver
    clock: Clock


HookFactory = Callable[[Settings, HookContext], SmtpHook]
"""What makes a hook of its `handler` element; complaints go to the settings' problems."""
