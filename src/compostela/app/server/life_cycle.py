"""A server, put together from its configuration and the stores of an edition: made, started, stopped."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING

from compostela.adapters.dns.authentication import ResolverDns
from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.adapters.http.policy_fetcher import PolicyFetcher
from compostela.adapters.http.reports import HttpsReports
from compostela.adapters.in_process.sibling_peers import SiblingPeers
from compostela.app import first_start
from compostela.app.configuration.folder import Configuration
from compostela.app.server.extensions import extension_parts, own_route_groups
from compostela.app.server.health import (
    directory_checks,
    error_repository_check,
    queue_consumers_check,
    task_consumers_check,
    worker_checks,
)
from compostela.app.server.hook_chains import hook_context, lmtp_chain, make_bans, smtp_chain
from compostela.app.server.listeners import ListenerFactory, lmtp_delivery, ports_by_name
from compostela.app.server.log_components import LOG_COMPONENTS
from compostela.app.server.login_methods import LoginMethods
from compostela.app.server.mail_container import MailContainer, mailet_context
from compostela.app.server.mailbox_listeners import make_mailbox_listeners
from compostela.app.server.preparation import Preparation
from compostela.app.server.public_documents import PublicDocumentsListener
from compostela.app.server.roles import roles_of
from compostela.app.server.services import make_services
from compostela.app.server.sibling_topics import answer_siblings
from compostela.app.server.surroundings import Surroundings
from compostela.app.server.tasks import make_tasks, task_work
from compostela.app.server.webadmin import WebAdminListener
from compostela.app.stores import Stores
from compostela.base.clock import SystemClock
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.base.log_levels import LogLevels
from compostela.base.settings import Problems
from compostela.base.siblings import RELOAD, Json
from compostela.core.authentication.ended_sessions import EndedSessions
from compostela.core.connections.service import Connections
from compostela.core.health.checks import HealthChecks
from compostela.core.health.reception import reception_checks
from compostela.core.outbound.dane_policies import DanePolicies
from compostela.core.outbound.sts_policies import StsPolicies
from compostela.core.outbound.tls_policies import TlsPolicies
from compostela.core.outbound.tls_report_task import SendTlsReportsTask
from compostela.core.outbound.tls_reports import TlsResults, keep_flushing
from compostela.doctor.service import Diagnosis
from compostela.model.mail_address import MailAddress
from compostela.net.connections import ListenerConnections
from compostela.net.expulsion import keep_expelling
from compostela.net.listeners import Listener
from compostela.net.pop3.server import LoginDelays
from compostela.net.tls.reload import reload_certificates

if TYPE_CHECKING:
    from compostela.web.webadmin.route_group import RouteGroup

_log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
"""How long sessions go on undisturbed in a process that is replaced."""


def make_server(
    configuration: Configuration, stores: Stores, problems: Problems, surroundings: Surroundings | None = None
) -> "Server | None":
    """Makes everything that the configuration names, on stores that may be unopened: no port is used. Complaints go to
    `problems`; None after one that leaves nothing to start. Without `surroundings` the process is the whole server."""
    try:
        return Server(configuration, stores, problems, surroundings)
    except InvalidArgument as wrong:
        problems.error(configuration.container.place, str(wrong))
        return None


class Server:
    """One process's server. `start`, `start_web` and `stop` are each called once."""

    def __init__(
        self,
        configuration: Configuration,
        stores: Stores,
        problems: Problems,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Complaints go to `problems`. Raises `InvalidArgument`."""
        self._configuration = configuration
        self._surroundings = surroundings or Surroundings()
        self._stores = stores
        self._clock = SystemClock()
        self.services = make_services(configuration, stores, self._clock)
        self._dns = DnspythonResolver(configuration.dns)
        self._authentication_dns = ResolverDns(self._dns)
        self._bans = make_bans(configuration, self._clock, problems)
        self.hook_context = hook_context(
            stores, self.services, self._dns, self._authentication_dns, self._bans, stores.recent_logins, self._clock
        )
        self._smtp_chains = [smtp_chain(smtp, self.hook_context) for smtp in configuration.smtp]
        self._lmtp_chains = [lmtp_chain(lmtp, self.hook_context) for lmtp in configuration.lmtp]
        sts = StsPolicies(self._dns, PolicyFetcher(self._dns).fetch, stores.outbound.sts_policies, self._clock)
        tls_policies = TlsPolicies(DanePolicies(self._dns), sts)
        self._tls_results = TlsResults(stores.outbound.tls_results, self._dns, self._clock)
        self.mailet_context = mailet_context(
            configuration,
            stores,
            self.services,
            self._dns,
            self._authentication_dns,
            tls_policies,
            self._tls_results,
            self._clock,
        )
        self.container = MailContainer(configuration, stores, self.mailet_context, problems)
        self.roles = roles_of(configuration, self.container.processors.mailets)
        self._logins = LoginMethods(
            self.services.authenticator,
            configuration.locations,
            self._clock,
            EndedSessions(stores.ended_sessions),
            stores.known_tokens,
        )
        self.mailbox_listeners = make_mailbox_listeners(configuration.listeners, stores, self._clock)
        context = self.mailet_context
        tls_reports = SendTlsReportsTask(
            stores.outbound.tls_results,
            self._dns,
            stores.queues,
            HttpsReports(),
            context.hello_name,
            context.postmaster,
        )
        parts = extension_parts(stores, self.services, self._clock)
        self.tasks = make_tasks(
            configuration, stores, self.services, self.mailbox_listeners, tls_reports, parts, self._clock, problems
        )
        self._own_route_groups = own_route_groups(configuration, parts, problems)
        self._task_work = task_work(configuration, stores, self.tasks, self.roles, self._clock, problems)
        self.health = HealthChecks([
            # a packaged one takes precedence over one's own of the same name
            *configuration.health.additional,
            *stores.health_checks(),
            error_repository_check(stores.repositories, self.container.error_repository),
            queue_consumers_check(stores.queues, self.roles, self._clock, is_cluster=stores.is_cluster),
            task_consumers_check(self.tasks, self.roles, self._clock),
            *directory_checks(self.services.users),
            *worker_checks(self._surroundings.siblings),
            *reception_checks(
                configuration.health,
                self.services.users,
                self.services.mailboxes.system,
                stores.queues,
                self._clock,
            ),
            *self.mailbox_listeners.health_checks(),
        ])  # fmt: skip
        self.listeners: list[Listener] = []
        self._accepting: list[Listener] = []
        """Those of SMTP and LMTP, whose sessions go before the pipeline."""
        # in a cluster each worker is a node, and its siblings are among its peers
        peers = stores.peers if stores.is_cluster else SiblingPeers(self._surroundings.siblings)
        self._connections = Connections(ListenerConnections(self.listeners, self._clock), peers)
        self._webadmin: WebAdminListener | None = None
        self._public: PublicDocumentsListener | None = None
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> first_start.FirstUser | None:
        """Binds all ports before anything else; gives the user that was made at the first start. Raises `BindError`,
        `TlsError`, `KerberosError`, and `TemporaryFailure` if the stores are of this machine; then nothing is left open, the
        stores neither."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> first_start.FirstUser | None:
        configuration = self._configuration
        self._make_listeners()
        sockets, turns = self._surroundings.sockets, self._surroundings.turns
        if configuration.webadmin.enabled:
            self._webadmin = WebAdminListener(configuration.webadmin, configuration.locations.data, sockets)
        if configuration.autoconfiguration.enabled:
            self._public = PublicDocumentsListener(configuration, sockets)
        for listener in self.listeners:
            listener.bind(sockets)
        sockets.close_rest()
        first = await self._prepare()
        await self.container.start(lambda: sum([listener.events_seen for listener in self._accepting]))
        if turns is not None:
            turns.begin()
        for listener in self.listeners:
            await listener.start()
        self._running.append(asyncio.create_task(keep_flushing(self._tls_results)))
        self._running.append(asyncio.create_task(keep_expelling(self.listeners, self.services.users.contains)))
        _log.info("roles of this process", extra=self.roles.fields())
        return first

    async def _prepare(self) -> first_start.FirstUser | None:
        listeners = self.mailbox_listeners if self.roles.group_listeners else None
        preparation = Preparation(self.services, self._stores, listeners, self.mailet_context.postmaster, self._clock)
        try:
            return await preparation.run()
        except TemporaryFailure as error:
            if not self._stores.is_cluster:
                raise
            _log.warning("an engine is away; clients get temporary errors until it is there: %s", error)
        self._running.append(asyncio.create_task(preparation.run_later(self._configuration.locations.data)))
        return None

    def _make_listeners(self) -> None:
        configuration, stores, services = self._configuration, self._stores, self.services
        factory = ListenerFactory(
            stores=stores,
            services=services,
            logins=self._logins,
            recent_logins=stores.recent_logins,
            login_delays=LoginDelays(self._clock),
            bans=self._bans,
            locations=configuration.locations,
            clock=self._clock,
            connections=self._surroundings.connections,
            turns=self._surroundings.turns,
        )
        processors, workers = self.container.processors, configuration.spooler.workers
        for smtp, chain in zip(configuration.smtp, self._smtp_chains, strict=True):
            self.listeners.append(factory.smtp(smtp, chain))
        for lmtp, chain in zip(configuration.lmtp, self._lmtp_chains, strict=True):
            delivery = lmtp_delivery(lmtp, stores, services, processors, self.mailet_context.tracer, workers)
            self.listeners.append(factory.lmtp(lmtp, chain, delivery))
        self._accepting = list(self.listeners)
        self.listeners += [factory.imap(imap) for imap in configuration.imap]
        self.listeners += [factory.pop3(pop3) for pop3 in configuration.pop3]
        self.listeners += [factory.managesieve(one) for one in configuration.managesieve]

    async def start_web(self, levels: LogLevels | None = None) -> None:
        """WebAdmin and the public documents, whose libraries are slow to import: after the mail ports are open. With `levels`
        WebAdmin changes the levels of the log."""
        if self._public is not None:
            domains, users = self.services.domains, self.services.users
            await self._public.start(domains, ports_by_name(self.listeners), whole_address=users.virtual_hosting)
        if self._webadmin is not None:
            await self._webadmin.start(self.route_groups(levels))
        if self._surroundings.leads:
            self.lead()

    def lead(self) -> None:
        """Does from now on what one process does for the whole server: tasks, their schedule, the watch over health, the stores'
        upkeep."""
        work: list[Callable[[], Coroutine[None, None, None]]] = [
            partial(self.health.watch, self._configuration.health.period_seconds)
        ]
        if self.roles.tasks:
            work += self._task_work
        if self._stores.upkeep is not None:
            work.append(self._stores.upkeep)
        self._running += [asyncio.create_task(one()) for one in work]

    def route_groups(self, levels: LogLevels | None = None) -> list["RouteGroup"]:
        """What the administration API offers here."""
        # slow to import
        from compostela.app.server.hook_rehearsal import HookRehearsal
        from compostela.app.server.route_groups import (
            account_groups,
            event_groups,
            explanation_groups,
            log_groups,
            mail_groups,
            server_groups,
        )

        siblings = self._surroundings.siblings
        return [
            *server_groups(
                self.health,
                self.tasks,
                self._clock,
                self.reload_certificates,
                self._diagnosis(),
                self._connections,
                siblings,
            ),
            *account_groups(self.services, self._stores, self.tasks, self._logins.verifiers),
            *mail_groups(self._stores, self._configuration.repositories, self.tasks, self._clock),
            *explanation_groups(
                self._configuration.container,
                self.mailet_context,
                self.services.mailboxes,
                [HookRehearsal(smtp, self.hook_context) for smtp in self._configuration.smtp],
                self._clock,
            ),
            *event_groups(self._stores, self.tasks),
            *log_groups(levels or LogLevels(LOG_COMPONENTS, {}), siblings),
            *self._own_route_groups,
        ]

    def _diagnosis(self) -> Diagnosis:
        from compostela.doctor.diagnosis import diagnosis_of

        async def domains() -> list[str]:
            return [str(domain) for domain in await self.services.domains.all()]

        async def is_read(address: str) -> bool:
            return await self.services.rewriting.is_read(MailAddress.parse(address))

        ports = ports_by_name(self.listeners)
        return diagnosis_of(
            self._configuration.examined, self._dns, self._authentication_dns, self._clock, domains, ports, is_read
        )

    async def reload_certificates(self, port: int | None = None) -> int:
        """See `net.tls.reload`."""
        await self._surroundings.siblings.ask(RELOAD, port)
        return await self.reload_own_certificates(port)

    async def reload_own_certificates(self, port: int | None = None) -> int:
        """Those of this process."""
        public = [] if self._public is None else [self._public]
        return await reload_certificates([*self.listeners, *public], port)

    def answer_siblings(self, levels: LogLevels) -> None:
        """Does from now on what other processes of the server ask for."""

        async def reload(port: Json) -> Json:
            # what is wrong is in the log already, and said by the process that asks
            with contextlib.suppress(InvalidArgument):
                await self.reload_own_certificates(port if isinstance(port, int) else None)
            return None

        self._surroundings.siblings.answer(RELOAD, reload)
        answer_siblings(self._surroundings.siblings, levels)

    @property
    def web_port(self) -> int | None:
        """The port of the administration API."""
        return None if self._webadmin is None else self._webadmin.port

    async def drain(self) -> None:
        """Leaves new connections to other processes, and those that are open `DRAIN_SECONDS` to end of themselves; `stop` follows."""
        if self._surroundings.turns is not None:
            self._surroundings.turns.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(*(listener.drain() for listener in self.listeners))

    async def stop(self) -> None:
        """Stops accepting, finishes what is in flight, and closes the stores."""
        if self._surroundings.turns is not None:
            self._surroundings.turns.end()
        # all at once: another server may wait for the ports while sessions finish
        webs = [web for web in (self._webadmin, self._public) if web is not None]
        await asyncio.gather(*(one.stop() for one in (*self.listeners, *webs)))
        for task in self._running:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.container.stop()
        await self._tls_results.flush()
        await self.mailbox_listeners.stop()
        await self.close()

    async def close(self) -> None:
        """Enough for a server that was made and never started."""
        self.services.users.close()
        self.services.sieve_engine.close()
        if self._bans is not None:
            await self._bans.close()
        await self._logins.close()
        await self._stores.close()
