"""The routes of the administration API, from the parts that they work on."""

from dataclasses import dataclass

from starlette.routing import BaseRoute

from compostela.base.clock import Clock
from compostela.core.authentication.ports import DelegationStore
from compostela.core.authentication.throttle import Throttle
from compostela.core.domains.service import DomainList
from compostela.core.health.checks import HealthChecks
from compostela.core.mailbox.session import MailboxSession
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore
from compostela.core.repository.settings import RepositorySettings
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.tasks.manager import TaskManager
from compostela.core.users.service import UsersRepository
from compostela.doctor.routes import DoctorRoutes
from compostela.doctor.service import Diagnosis
from compostela.web.webadmin.routes import metrics
from compostela.web.webadmin.routes.address_aliases import AddressAliasRoutes
from compostela.web.webadmin.routes.bans import BanRoutes
from compostela.web.webadmin.routes.delegations import DelegationRoutes
from compostela.web.webadmin.routes.domains import DomainRoutes
from compostela.web.webadmin.routes.health import HealthRoutes
from compostela.web.webadmin.routes.mail_queues import MailQueueRoutes
from compostela.web.webadmin.routes.mail_repositories import MailRepositoryRoutes
from compostela.web.webadmin.routes.servers import ReloadCertificates, ServerRoutes
from compostela.web.webadmin.routes.tasks import TaskRoutes
from compostela.web.webadmin.routes.user_mailboxes import UserMailboxRoutes
from compostela.web.webadmin.routes.users import UserRoutes


@dataclass(frozen=True, slots=True)
class WebAdminServices:
    """What the administration API works on."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    mailboxes: MailboxSession
    queues: MailQueues
    repositories: MailRepositoryStore
    repository_settings: RepositorySettings
    health: HealthChecks
    tasks: TaskManager
    clock: Clock
    diagnosis: Diagnosis
    reload_certificates: ReloadCertificates
    delegations: DelegationStore
    throttle: Throttle


def webadmin_routes(services: WebAdminServices) -> list[BaseRoute]:
    """All route groups."""
    s = services
    return [
        *HealthRoutes(s.health).routes(),
        *metrics.routes(),
        *TaskRoutes(s.tasks).routes(),
        *DomainRoutes(s.domains, s.users, s.rewriting).routes(),
        *UserRoutes(s.users, s.rewriting).routes(),
        *UserMailboxRoutes(s.users, s.mailboxes, s.tasks).routes(),
        *AddressAliasRoutes(s.domains, s.users, s.rewriting).routes(),
        *MailQueueRoutes(s.queues, s.tasks).routes(),
        *MailRepositoryRoutes(s.repositories, s.repository_settings, s.queues, s.tasks, s.clock).routes(),
        *ServerRoutes(s.reload_certificates).routes(),
        *DelegationRoutes(s.users, s.delegations).routes(),
        *BanRoutes(s.throttle).routes(),
        *DoctorRoutes(s.diagnosis).routes(),
    ]
