"""What the server offers to SMTP hooks."""

from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.core.dns.ports import DnsResolver
from compostela.core.domains.service import DomainList
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.service import UsersRepository


@dataclass(frozen=True, slots=True)
class HookContext:
    """The parts of the server that hooks may use."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    dns: DnsResolver
    clock: Clock
