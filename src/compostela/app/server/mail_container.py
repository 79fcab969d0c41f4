"""The mail container of this process: mailets wherever they are configured, the spooler where it has threads."""

import asyncio
from collections.abc import Callable

from compostela.app.configuration.folder import Configuration
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.settings import Problems
from compostela.core.dns.ports import DnsResolver
from compostela.core.outbound.own_endpoints import OwnEndpoints
from compostela.core.queue.model import SPOOL
from compostela.core.repository.ports import RepositoryUrl
from compostela.mailauth.dns import AuthenticationDns
from compostela.net.outbound.client import SmtpClient
from compostela.net.outbound.local_addresses import is_of_this_machine
from compostela.processing.container import build_processors, error_repository, postmaster_address
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.processor import MailProcessors
from compostela.processing.spooler import Spooler


def mailet_context(
    configuration: Configuration,
    stores: Stores,
    services: Services,
    dns: DnsResolver,
    authentication_dns: AuthenticationDns,
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
        queues=stores.queues,
        repositories=stores.repositories,
        repository_settings=configuration.repositories,
        error_repository=error_repository(configuration.spooler, configuration.repositories),
        dns=dns,
        authentication_dns=authentication_dns,
        sender=SmtpClient(own),
        sieve_scripts=stores.sieve_scripts,
        sieve_marks=stores.sieve_marks,
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
        self.processors = MailProcessors(build_processors(configuration.container, problems, context))
        self.error_repository: RepositoryUrl = error_repository(configuration.spooler, configuration.repositories)
        self._started: list[Mailet] = []
        self._spooler: Spooler | None = None

    async def start(self, acceptance: Callable[[], int]) -> None:
        """`acceptance` counts what the servers that take mail have done: see `AcceptancePriority`."""
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
            )
            await self._spooler.start()

    async def stop(self) -> None:
        """The spooler first: what it has in work may use any mailet."""
        if self._spooler is not None:
            await self._spooler.stop()
        # each may drain a queue of its own
        await asyncio.gather(*(mailet.stop() for mailet in self._started))
