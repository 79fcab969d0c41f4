"""The embedded edition, put together: one process, one data folder, no other service."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from compostela.adapters.crowdsec.bans import CrowdsecBans
from compostela.adapters.dns.authentication import ResolverDns
from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.kerberos.acceptor import KerberosAcceptor
from compostela.adapters.oidc.verifier import OidcTokenVerifier
from compostela.adapters.spamassassin.spamd import Spamd
from compostela.app import first_start
from compostela.app.configuration.folder import Configuration
from compostela.app.public_listener import PublicListener
from compostela.base.clock import SystemClock
from compostela.base.errors import StorageFull
from compostela.base.settings import Problems
from compostela.core.authentication.kerberos import KerberosSettings
from compostela.core.authentication.oidc import OidcSettings
from compostela.core.authentication.recent_logins import RecentLogins
from compostela.core.authentication.service import Authenticator
from compostela.core.authentication.throttle import Throttle
from compostela.core.delivery.direct import DirectDelivery
from compostela.core.delivery.ports import MailDelivery
from compostela.core.domains.service import DomainList
from compostela.core.health.checks import HealthCheck, HealthChecks, HealthStatus
from compostela.core.mailbox.manager import MailboxManager
from compostela.core.outbound.own_endpoints import OwnEndpoints
from compostela.core.queue.model import SPOOL
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.smtp_hooks.hooks import HookChain
from compostela.core.tasks.manager import TaskManager
from compostela.core.users.service import UsersRepository
from compostela.doctor.service import Diagnosis
from compostela.net.authentication.logins import Logins
from compostela.net.authentication.settings import AuthSettings
from compostela.net.host_addresses import system_addresses
from compostela.net.imap.server import ImapServer
from compostela.net.imap.session import ImapProtocol
from compostela.net.imap.settings import ImapSettings
from compostela.net.listeners import Listener, bind_sockets
from compostela.net.lmtp.session import LmtpProtocol
from compostela.net.lmtp.settings import LmtpSettings
from compostela.net.outbound.client import SmtpClient
from compostela.net.outbound.local_addresses import is_of_this_machine
from compostela.net.settings import BindAddress, ServerSettings
from compostela.net.smtp.server import SmtpServer
from compostela.net.smtp.session import SmtpProtocol
from compostela.net.smtp.settings import SmtpSettings, VerifyIdentity
from compostela.net.tls.context import server_context
from compostela.net.tls.errors import TlsError
from compostela.net.tls.reload import reload_certificates
from compostela.processing.container import DEFAULT_WORKERS, build_processors, error_repository, postmaster_address
from compostela.processing.lmtp_delivery import ContainerDelivery
from compostela.processing.mailet import MailetContext
from compostela.processing.processor import MailProcessors, Processor
from compostela.processing.spooler import Spooler
from compostela.smtp_hooks.chain import build_chain
from compostela.smtp_hooks.context import HookContext

if TYPE_CHECKING:
    from compostela.web.webadmin.server import WebAdminServer

_log = logging.getLogger(__name__)

HTTP_BACKLOG = 100


@dataclass(slots=True)
class Services:
    """The rules on top of the store, and the chains that the configuration asks for."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    mailboxes: MailboxManager
    mailets: MailetContext
    hooks: HookContext
    processors: list[Processor]
    chains: list[HookChain]
    """Of the SMTP servers, in order."""
    lmtp_chains: list[HookChain]
    bans: CrowdsecBans | None
    throttle: Throttle
    authenticator: Authenticator


def make_services(configuration: Configuration, store: EmbeddedStore, problems: Problems) -> Services:
    """Builds everything that the configuration names; complaints go to `problems`."""
    clock = SystemClock()
    domains = DomainList(store.domains, configuration.domains)
    users = UsersRepository(store.users, domains, configuration.users)
    rewriting = RecipientRewriteTable(store.rewriting, domains, users, configuration.rewriting)
    mailboxes = MailboxManager(store.mailboxes, clock)
    domain = configuration.domains.default_domain
    own = own_endpoints(configuration)
    resolver = DnspythonResolver(configuration.dns)
    context = MailetContext(
        hello_name=configuration.smtp[0].server.hello_name if configuration.smtp else domain.name,
        postmaster=postmaster_address(configuration.spooler, domain.name),
        domains=domains,
        users=users,
        rewriting=rewriting,
        mailboxes=mailboxes,
        queues=store.queues,
        repositories=store.repositories,
        repository_settings=configuration.repositories,
        error_repository=error_repository(configuration.spooler, configuration.repositories),
        dns=resolver,
        authentication_dns=ResolverDns(resolver),
        sender=SmtpClient(own),
        own=own,
        clock=clock,
        resolve=configuration.locations.resolve,
    )
    bans = CrowdsecBans(configuration.crowdsec, clock) if configuration.crowdsec is not None else None
    for imap in configuration.imap:
        if imap.ban_check is not None and bans is None:
            problems.error(imap.ban_check, "the check needs crowdsec.properties, with crowdsecUrl and apiKey")
    hooks = HookContext(
        domains=domains,
        users=users,
        rewriting=rewriting,
        dns=resolver,
        authentication_dns=context.authentication_dns,
        host_addresses=system_addresses,
        clock=clock,
        spamd=Spamd,
        bans=bans,
        greylist=store.greylist,
        recent_logins=RecentLogins(clock),
    )
    chains = [
        build_chain(
            smtp.handlers,
            hooks,
            auth_required=smtp.auth_required,
            verify_identity=smtp.verify_identity is not VerifyIdentity.DISABLED,
            relaxed=smtp.verify_identity is VerifyIdentity.RELAXED,
        )
        for smtp in configuration.smtp
    ]
    lmtp_chains = [build_chain(lmtp.session.handlers, hooks, check_recipients=True) for lmtp in configuration.lmtp]
    processors = build_processors(configuration.container, problems, context)
    throttle = Throttle(configuration.throttle, clock)
    return Services(
        domains=domains,
        users=users,
        rewriting=rewriting,
        mailboxes=mailboxes,
        mailets=context,
        hooks=hooks,
        processors=processors,
        chains=chains,
        lmtp_chains=lmtp_chains,
        bans=bans,
        throttle=throttle,
        authenticator=Authenticator(users, store.delegations, throttle),
    )


def own_endpoints(configuration: Configuration) -> OwnEndpoints:
    """The server as a next hop. A listener of any protocol counts: none of them may get mail from RemoteDelivery."""
    smtp = [one.server for one in configuration.smtp]
    servers = [*smtp, *(one.session.server for one in configuration.lmtp), *(one.server for one in configuration.imap)]
    listening = [(bind.host, bind.port) for server in servers for bind in server.bind]
    return OwnEndpoints([one.hello_name for one in smtp], listening, is_of_this_machine)


class EmbeddedEdition:
    """A running server. `start` and `stop` are each called once."""

    def __init__(self, configuration: Configuration, store: EmbeddedStore, services: Services) -> None:
        self._configuration = configuration
        self._store = store
        self._services = services
        self._clock = SystemClock()
        self._listeners: list[Listener] = []
        self._accepting: list[Listener] = []
        """Those of SMTP and LMTP, whose sessions go before the pipeline."""
        self._tokens: dict[OidcSettings, OidcTokenVerifier] = {}
        self._kerberos: dict[KerberosSettings, KerberosAcceptor] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._spooler: Spooler | None = None
        self._web_server: WebAdminServer | None = None
        self._web_sockets: list[socket.socket] = []
        self._public: PublicListener | None = None
        self.web_port: int | None = None

    async def start(self) -> first_start.FirstUser | None:
        """Binds all ports before anything else; gives the user that was made at the first start. Raises `BindError`,
        `TlsError`, `KerberosError`, `TemporaryFailure`; then nothing is left open, the store neither."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> first_start.FirstUser | None:
        self._make_listeners()
        webadmin = self._configuration.webadmin
        if webadmin.enabled:
            host = "127.0.0.1" if webadmin.host == "localhost" else webadmin.host
            self._web_sockets = bind_sockets((BindAddress(host, webadmin.port),), HTTP_BACKLOG)
            self.web_port = self._web_sockets[0].getsockname()[1]
        if self._configuration.autoconfiguration.enabled:
            self._public = PublicListener(self._configuration)
        for listener in self._listeners:
            listener.bind()
        await self._services.domains.add_configured()
        first = await first_start.make_first_user(
            self._services.users, self._store.queues, self._services.domains.default_domain, self._clock.now()
        )
        if self._configuration.spooler.workers:
            self._spooler = Spooler(
                self._store.queues.queue(SPOOL),
                MailProcessors(self._services.processors),
                self._store.repositories,
                self._services.mailets.error_repository,
                self._configuration.spooler.workers,
                lambda: sum(listener.events_seen for listener in self._accepting),
                drain_seconds=self._configuration.spooler.drain_seconds,
            )
            await self._spooler.start()
        for listener in self._listeners:
            await listener.start()
        return first

    async def start_web(self) -> None:
        """WebAdmin and the public documents, whose libraries are slow to import: after the mail ports are open."""
        if self._public is not None:
            users = self._services.users
            await self._public.start(self._services.domains, self._ports, whole_address=users.virtual_hosting)
        if not self._web_sockets:
            return
        from compostela.app.webadmin_routes import WebAdminServices, webadmin_routes
        from compostela.web.webadmin.application import create_application
        from compostela.web.webadmin.authentication import passwords_of
        from compostela.web.webadmin.server import WebAdminServer

        tasks = TaskManager(self._clock)
        health = HealthChecks(self._health_checks())
        services = WebAdminServices(
            domains=self._services.domains,
            users=self._services.users,
            rewriting=self._services.rewriting,
            mailboxes=self._services.mailboxes,
            queues=self._store.queues,
            repositories=self._store.repositories,
            repository_settings=self._configuration.repositories,
            health=health,
            tasks=tasks,
            clock=self._clock,
            diagnosis=self._diagnosis(),
            reload_certificates=self.reload_certificates,
            delegations=self._store.delegations,
            throttle=self._services.throttle,
        )
        settings = self._configuration.webadmin
        token = first_start.administration_token(self._configuration.locations.data)
        server = WebAdminServer(
            create_application(webadmin_routes(services), settings, passwords_of(settings, token)), self._web_sockets
        )
        await server.start()
        self._web_server = server
        self._tasks += [
            asyncio.create_task(tasks.work()),
            asyncio.create_task(health.watch(self._configuration.health.period_seconds)),
        ]

    def _diagnosis(self) -> Diagnosis:
        from compostela.doctor.diagnosis import diagnosis_of

        async def domains() -> list[str]:
            return [str(domain) for domain in await self._services.domains.all()]

        mailets = self._services.mailets
        return diagnosis_of(
            self._configuration.examined, mailets.dns, mailets.authentication_dns, self._clock, domains, self._ports
        )

    @property
    def _ports(self) -> dict[str, list[int]]:
        """By the name of each server, those that it really has."""
        return {listener.settings.name: listener.ports for listener in self._listeners}

    async def stop(self) -> None:
        """Stops accepting, finishes what is in flight, and closes the store."""
        await asyncio.gather(*(listener.stop() for listener in self._listeners))
        for server in (self._web_server, self._public):
            if server is not None:
                await server.stop()
        for bound in self._web_sockets:
            bound.close()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._spooler is not None:
            await self._spooler.stop()
        self._services.users.close()
        if self._services.bans is not None:
            await self._services.bans.close()
        for verifier in self._tokens.values():
            await verifier.close()
        await self._store.close()

    async def reload_certificates(self, port: int | None = None) -> int:
        """See `net.tls.reload`."""
        public = [] if self._public is None else [self._public]
        return await reload_certificates([*self._listeners, *public], port)

    @property
    def listeners(self) -> list[Listener]:
        return self._listeners

    def _make_listeners(self) -> None:
        for smtp, chain in zip(self._configuration.smtp, self._services.chains, strict=True):
            self._listeners.append(self._smtp_listener(smtp, chain))
        for lmtp, chain in zip(self._configuration.lmtp, self._services.lmtp_chains, strict=True):
            self._listeners.append(self._lmtp_listener(lmtp, chain))
        self._accepting = list(self._listeners)
        self._listeners += [self._imap_listener(imap) for imap in self._configuration.imap]

    def _smtp_listener(self, settings: SmtpSettings, chain: HookChain) -> Listener:
        server = self._smtp_server(settings, chain)
        return self._listener(settings.server, lambda listener, tls: SmtpProtocol(server, listener, tls))

    def _lmtp_listener(self, settings: LmtpSettings, chain: HookChain) -> Listener:
        server, delivery = self._smtp_server(settings.session, chain), self._delivery(settings)
        return self._listener(
            settings.session.server, lambda listener, tls: LmtpProtocol(server, delivery, listener, tls)
        )

    def _delivery(self, settings: LmtpSettings) -> MailDelivery:
        services = self._services
        if settings.through_container:
            return ContainerDelivery(
                MailProcessors(services.processors),
                self._store.runs,
                self._store.blobs,
                self._configuration.spooler.workers or DEFAULT_WORKERS,
                split=settings.split_execution,
            )
        return DirectDelivery(services.users, services.rewriting, services.mailboxes, self._store.queues.queue(SPOOL))

    def _smtp_server(self, settings: SmtpSettings, chain: HookChain) -> SmtpServer:
        return SmtpServer(
            settings=settings,
            hooks=chain,
            queue=self._store.queues.queue(SPOOL),
            blobs=self._store.blobs,
            logins=replace(self._logins(settings.auth), accounts=chain.accounts),
            default_domain=self._services.domains.default_domain,
            clock=self._clock,
        )

    def _logins(self, settings: AuthSettings) -> Logins:
        oidc = settings.oidc
        if oidc is not None and oidc not in self._tokens:
            self._tokens[oidc] = OidcTokenVerifier(oidc, self._clock)
        tokens = self._tokens[oidc] if oidc is not None else None
        kerberos = settings.kerberos
        if kerberos is not None and kerberos not in self._kerberos:
            key_tab = self._configuration.locations.resolve(kerberos.key_tab) if kerberos.key_tab else None
            self._kerberos[kerberos] = KerberosAcceptor(kerberos, key_tab)
        contexts = self._kerberos[kerberos].begin if kerberos is not None else None
        return Logins(settings, self._services.authenticator, tokens, contexts)

    def _imap_listener(self, settings: ImapSettings) -> Listener:
        server = ImapServer(
            settings,
            self._services.mailboxes,
            replace(
                self._logins(settings.auth),
                administrators=settings.administrators,
                noted_by=self._services.hooks.recent_logins,
            ),
            self._store.blobs,
            self._clock,
            self._services.bans if settings.ban_check is not None else None,
        )
        return self._listener(settings.server, lambda listener, tls: ImapProtocol(server, listener, tls))

    def _listener(self, settings: ServerSettings, factory: Callable[[Listener, bool], asyncio.Protocol]) -> Listener:
        context = None
        if settings.tls.offered:
            try:
                context = server_context(settings.tls, self._configuration.locations.resolve)
            except TlsError as error:
                raise TlsError(f"{settings.tls.place}: {error}") from error
        return Listener(settings, factory, context)

    def _health_checks(self) -> list[HealthCheck]:
        async def store() -> None:
            await self._store.domains.contains(self._services.domains.default_domain)

        async def errors() -> tuple[HealthStatus, str] | None:
            url = self._services.mailets.error_repository
            repository = await self._store.repositories.find(url)
            size = await repository.size() if repository is not None else 0
            return (HealthStatus.DEGRADED, f"{url} holds {size} mails") if size else None

        async def disk() -> tuple[HealthStatus, str] | None:
            try:
                self._store.blobs.check_room(0)
            except StorageFull as full:
                return HealthStatus.UNHEALTHY, str(full)
            return None

        async def files() -> tuple[HealthStatus, str] | None:
            withheld = self._store.garbage.withheld
            return None if withheld is None else (HealthStatus.DEGRADED, withheld)

        return [
            HealthCheck("Embedded store", store),
            HealthCheck("Disk space", disk),
            HealthCheck("Message files", files),
            HealthCheck("EmptyErrorMailRepository", errors),
        ]
