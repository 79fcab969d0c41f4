"""The mail container of this process: mailets wherever they are configured, the spooler where it has threads."""

import asyncio
from collections.abc import Callable

from compostela.adapters.amqp.publisher import AmqpPublisher
from compostela.adapters.clamav.clamd import Clamd
from compostela.adapters.http.forms import HttpForms
from compostela.adapters.rspamd.client import RspamdClient
from compostela.adapters.spamassassin.spamd import Spamd
from compostela.app.configuration.folder import Configuration
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.settings import Problems
from compostela.core.dns.ports import DnsResolver
from compostela.core.filtering.ports import Scanners
from compostela.core.outbound.own_endpoints import OwnEndpoints
from compostela.core.outbound.tls_policies import TlsPolicies
from compostela.core.outbound.tls_reports import TlsResults
from compostela.core.queue.model import SPOOL
from compostela.core.repository.ports import RepositoryUrl
from compostela.core.tracing.tracer import Tracer
from compostela.mailauth.dns import AuthenticationDns
from compostela.net.host_addresses import system_addresses
from compostela.net.outbound.client import SmtpClient
from compostela.net.outbound.local_addresses import is_of_this_machine
from compostela.processing.container import build_processors, error_repository, postmaster_address
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.processor import MailProcessors
from compostela.processing.sieve_parts import SieveParts
from compostela.processing.spooler import Spooler
from compostela.processing.tracing import TracingObserver

IDLE_SECONDS = 2.0
"""How long a connection to a next hop waits for another mail."""


def mailet_context(
    configuration: Configuration,
    stores: Stores,
    services: Services,
    dns: DnsResolver,
    authentication_dns: AuthenticationDns,
    tls_policies: TlsPolicies,
    tls_results: TlsResults,
    clock: Clock,
) -> MailetContext:
    """Raises `InvalidArgument` when the postmaster is no address."""
    domain = configuration.domains.default_domain
    own = own_endpoints(configuration)
    return MailetContext(
        hello_name=configuration.smtp[0].server.hello_name if configuration.smtp else domain.name,
        postmaster=postmaster_address(configuration.spooler, domain.name),
        domains=services.domains,
        users=services.users,
        rewriting=services.rewriting,
        mailboxes=services.mailboxes.system,
        vacations=stores.vacations,
        drop_lists=stores.drop_lists,
        drop_lists_enabled=configuration.drop_lists.enabled,
        dlp_rules=stores.dlp_rules,
        quota=services.mailboxes.quota,
        host_addresses=system_addresses,
        scanners=Scanners(Spamd, Clamd, RspamdClient),
        rspamd=configuration.rspamd,
        token_corpora=stores.token_corpora,
        forms=HttpForms(),
        exchanges=AmqpPublisher,
        queues=stores.queues,
        rate_limits=stores.rate_limits,
        repositories=stores.repositories,
        repository_settings=configuration.repositories,
        error_repository=error_repository(configuration.spooler, configuration.repositories),
        dns=dns,
        authentication_dns=authentication_dns,
        sender=SmtpClient(own, IDLE_SECONDS),
        tls_policies=tls_policies,
        tls_results=tls_results,
        tracer=Tracer(
            stores.outbound.traces, clock, configuration.spooler.trace_seconds, configuration.spooler.trace_bytes
        ),
        sieve=SieveParts(
            scripts=stores.sieve_scripts,
            global_scripts=stores.global_scripts,
            lists=stores.sieve_lists,
            marks=stores.sieve_marks,
            service=services.sieve,
            engine=services.sieve_engine,
            settings=configuration.sieve,
        ),
        own=own,
        clock=clock,
        resolve=configuration.locations.resolve,
    )


def own_endpoints(configuration: Configuration) -> OwnEndpoints:
    """The server as a next hop. A listener of any protocol counts: none of them may get mail from RemoteDelivery."""
    smtp = [one.server for one in configuration.smtp]
    servers = [
        *smtp,
        *(one.session.server for one in configuration.lmtp),
        *(one.server for one in configuration.imap),
        *(one.server for one in configuration.pop3),
        *(one.server for one in configuration.managesieve),
    ]
    listening = [(bind.host, bind.port) for server in servers for bind in server.bind]
    return OwnEndpoints([one.hello_name for one in smtp], listening, is_of_this_machine)


class MailContainer:
    """`start` and `stop` are each called once."""

    def __init__(
        self, configuration: Configuration, stores: Stores, context: MailetContext, problems: Problems
    ) -> None:
        """Complaints about the container go to `problems`. Raises `InvalidArgument` when the error repository is no URL."""
        self._stores = stores
        self._workers = configuration.spooler.workers
        self._drain_seconds = configuration.spooler.drain_seconds
        self._sender = context.sender
        self._tracer = context.tracer
        observer = TracingObserver(self._tracer) if self._tracer.is_on else None
        self.processors = MailProcessors(build_processors(configuration.container, problems, context), observer)
        self.error_repository: RepositoryUrl = error_repository(configuration.spooler, configuration.repositories)
        self._started: list[Mailet] = []
        self._spooler: Spooler | None = None
        self._flushing: asyncio.Task[None] | None = None

    async def start(self, acceptance: Callable[[], int]) -> None:
        """`acceptance` counts what the servers that take mail have done: see `AcceptancePriority`."""
        if self._tracer.is_on:
            self._flushing = asyncio.create_task(self._tracer.keep_flushing())
        for mailet in self.processors.mailets:
            self._started.append(mailet)
            await mailet.start()
        if self._workers:
            queue, repositories = self._stores.queues.queue(SPOOL), self._stores.repositories
            self._spooler = Spooler(
                queue,
                self.processors,
                repositories,
                self.error_repository,
                self._workers,
                acceptance,
                drain_seconds=self._drain_seconds,
                tracer=self._tracer,
            )
            await self._spooler.start()

    async def stop(self) -> None:
        """The spooler first: what it has in work may use any mailet."""
        if self._spooler is not None:
            await self._spooler.stop()
        # each may drain a queue of its own
        await asyncio.gather(*(mailet.stop() for mailet in self._started))
        await self._sender.close()
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            await self._tracer.flush()
