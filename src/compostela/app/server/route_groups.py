"""The route groups of the administration API, each made from what it works on."""

from collections.abc import Sequence

from compostela.app.server.explanation_routes import ExplanationRoutes
from compostela.app.server.hook_rehearsal import HookRehearsal
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.log_levels import LogLevels
from compostela.base.settings import Node
from compostela.base.siblings import Siblings
from compostela.core.authentication.ports import TokenVerifier
from compostela.core.connections.service import Connections
from compostela.core.health.checks import HealthChecks
from compostela.core.mailbox.service import MailboxService
from compostela.core.repository.settings import RepositorySettings
from compostela.core.tasks.service import Tasks
from compostela.doctor.routes import DoctorRoutes
from compostela.doctor.service import Diagnosis
from compostela.processing.explanation.explain import Explainer
from compostela.processing.mailet import MailetContext
from compostela.web.webadmin.route_group import RouteGroup
from compostela.web.webadmin.routes.address_aliases import AddressAliasRoutes
from compostela.web.webadmin.routes.address_forwards import AddressForwardRoutes
from compostela.web.webadmin.routes.address_groups import AddressGroupRoutes
from compostela.web.webadmin.routes.bans import BanRoutes
from compostela.web.webadmin.routes.blobs import BlobRoutes
from compostela.web.webadmin.routes.connections import ConnectionRoutes
from compostela.web.webadmin.routes.consistency import ConsistencyRoutes
from compostela.web.webadmin.routes.dead_letters import DeadLetterRoutes
from compostela.web.webadmin.routes.delegations import DelegationRoutes
from compostela.web.webadmin.routes.dlp_rules import DlpRuleRoutes
from compostela.web.webadmin.routes.domain_mappings import DomainMappingRoutes
from compostela.web.webadmin.routes.domains import DomainRoutes
from compostela.web.webadmin.routes.drop_lists import DropListRoutes
from compostela.web.webadmin.routes.health import HealthRoutes
from compostela.web.webadmin.routes.log_levels import LogLevelRoutes
from compostela.web.webadmin.routes.mail_queues import MailQueueRoutes
from compostela.web.webadmin.routes.mail_repositories import MailRepositoryRoutes
from compostela.web.webadmin.routes.mappings import MappingRoutes
from compostela.web.webadmin.routes.metrics import MetricsRoutes
from compostela.web.webadmin.routes.quotas import QuotaRoutes
from compostela.web.webadmin.routes.recovery import RecoveryRoutes
from compostela.web.webadmin.routes.revoked_tokens import RevokedTokenRoutes
from compostela.web.webadmin.routes.servers import ReloadCertificates, ServerRoutes
from compostela.web.webadmin.routes.sieve import SieveRoutes
from compostela.web.webadmin.routes.sieve_lists import SieveListRoutes
from compostela.web.webadmin.routes.tasks import TaskRoutes
from compostela.web.webadmin.routes.traces import TraceRoutes
from compostela.web.webadmin.routes.user_mailboxes import UserMailboxRoutes
from compostela.web.webadmin.routes.users import UserRoutes
from compostela.web.webadmin.routes.vacations import VacationRoutes


def account_groups(
    services: Services, stores: Stores, tasks: Tasks, verifiers: Sequence[TokenVerifier]
) -> list[RouteGroup]:
    """Domains, users, and what is theirs."""
    domains, users, rewriting = services.domains, services.users, services.rewriting
    return [
        DomainRoutes(domains, users, rewriting, tasks),
        UserRoutes(users, rewriting, tasks),
        UserMailboxRoutes(users, services.mailboxes.system, tasks),
        AddressAliasRoutes(domains, users, rewriting),
        AddressForwardRoutes(users, rewriting),
        AddressGroupRoutes(rewriting),
        DomainMappingRoutes(rewriting),
        MappingRoutes(rewriting),
        DelegationRoutes(users, stores.delegations),
        VacationRoutes(users, stores.vacations),
        SieveRoutes(users, services.sieve),
        SieveListRoutes(users, services.sieve),
        BanRoutes(services.throttle),
        RevokedTokenRoutes(verifiers),
        QuotaRoutes(tasks),
        DropListRoutes(stores.drop_lists),
        DlpRuleRoutes(domains, stores.dlp_rules),
    ]


def mail_groups(stores: Stores, settings: RepositorySettings, tasks: Tasks, clock: Clock) -> list[RouteGroup]:
    """Mails that wait or were put aside, and the octets of all."""
    return [
        MailQueueRoutes(stores.queues, tasks),
        MailRepositoryRoutes(stores.repositories, settings, stores.queues, tasks, clock),
        BlobRoutes(tasks),
    ]


def explanation_groups(
    container: Node,
    context: MailetContext,
    mailboxes: MailboxService,
    rehearsals: Sequence[HookRehearsal],
    clock: Clock,
) -> list[RouteGroup]:
    """What the mail container would do, and what it did."""
    explainer = Explainer(container, context, mailboxes)
    return [ExplanationRoutes(explainer, rehearsals, clock), TraceRoutes(context.tracer)]


def event_groups(stores: Stores, tasks: Tasks) -> list[RouteGroup]:
    """What mailbox listeners could not take."""
    return [DeadLetterRoutes(stores.dead_letters, tasks)]


def log_groups(levels: LogLevels, siblings: Siblings) -> list[RouteGroup]:
    """What the server logs."""
    return [LogLevelRoutes(levels, siblings)]


def server_groups(
    health: HealthChecks,
    tasks: Tasks,
    clock: Clock,
    reload_certificates: ReloadCertificates,
    diagnosis: Diagnosis,
    connections: Connections,
    siblings: Siblings,
) -> list[RouteGroup]:
    """The server itself."""
    return [
        HealthRoutes(health),
        MetricsRoutes(siblings),
        ConsistencyRoutes(tasks),
        RecoveryRoutes(tasks),
        TaskRoutes(tasks, clock),
        ServerRoutes(reload_certificates, siblings),
        ConnectionRoutes(connections),
        DoctorRoutes(diagnosis),
    ]
