"""The administration API as one ASGI application."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from compostela.base.clock import Clock
from compostela.core.authentication.ports import DelegationStore
from compostela.core.authentication.throttle import Throttle
from compostela.core.domains.service import DomainList
from compostela.core.health.checks import HealthChecks
from compostela.core.mailbox.manager import MailboxManager
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore
from compostela.core.repository.settings import RepositorySettings
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.tasks.manager import TaskManager
from compostela.core.users.service import UsersRepository
from compostela.doctor.routes import DoctorRoutes
from compostela.doctor.service import Diagnosis
from compostela.web.webadmin.authentication import AuthenticationMiddleware, Passwords
from compostela.web.webadmin.error_handlers import HANDLERS
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
from compostela.web.webadmin.settings import WebAdminSettings


@dataclass(frozen=True, slots=True)
class WebAdminServices:
    """What the administration API works on."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    mailboxes: MailboxManager
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


def create_application(services: WebAdminServices, settings: WebAdminSettings, passwords: Passwords) -> Starlette:
    """All routes behind authentication."""
    s = services
    routes: list[BaseRoute] = [
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
        Route("/{path:path}", _options, methods=["OPTIONS"]),
    ]
    return Starlette(routes=routes, middleware=_middleware(settings, passwords), exception_handlers=HANDLERS)


def _middleware(settings: WebAdminSettings, passwords: Passwords) -> Sequence[Middleware]:
    authentication = Middleware(AuthenticationMiddleware, passwords=passwords)
    if settings.cors_enabled:
        return [Middleware(CorsMiddleware, origin=settings.cors_origin), authentication]
    return [authentication]


async def _options(request: Request) -> Response:
    echoed = {"Access-Control-Request-Headers": "Allow-Headers", "Access-Control-Request-Method": "Allow-Methods"}
    headers = {answer: request.headers[name] for name, answer in echoed.items() if name in request.headers}
    return Response(status_code=200, headers={f"Access-Control-{name}": value for name, value in headers.items()})


class CorsMiddleware:
    """Adds James's three headers to every answer."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._headers = [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-request-method", b"DELETE, GET, POST, PUT"),
            (b"access-control-allow-headers", b"Content-Type, Authorization, Accept"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
