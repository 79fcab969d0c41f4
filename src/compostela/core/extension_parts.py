"""What tasks and routes of an operator's own may work with."""

from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.core.domains.service import DomainList
from compostela.core.mailbox.session import MailboxSession
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.service import UsersRepository


@dataclass(frozen=True, slots=True)
class ExtensionParts:
    """Parts of the server. No store is open while a task's runner or a group of routes is made: use them later."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    mailboxes: MailboxSession
    """The session of the system."""
    queues: MailQueues
    repositories: MailRepositoryStore
    clock: Clock
