"""The listeners of the mail protocols, one for each configured server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from compostela.adapters.crowdsec.bans import CrowdsecBans
from compostela.app.configuration.locations import FileLocations
from compostela.app.server.login_methods import LoginMethods
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.core.authentication.failure_ports import RecentLogins
from compostela.core.delivery.direct import DirectDelivery
from compostela.core.delivery.ports import MailDelivery
from compostela.core.queue.model import SPOOL
from compostela.core.rate_limits.ports import ConnectionCounts
from compostela.core.smtp_hooks.hooks import HookChain
from compostela.core.tracing.tracer import Tracer
from compostela.net.accepting import AcceptTurns
from compostela.net.connection import Connection
from compostela.net.imap.server import ImapServer
from compostela.net.imap.session import ImapSession
from compostela.net.imap.settings import ImapSettings
from compostela.net.listeners import Listener
from compostela.net.lmtp.session import LmtpServerSession
from compostela.net.lmtp.settings import LmtpSettings
from compostela.net.managesieve.server import ManageSieveServer
from compostela.net.managesieve.session import ManageSieveSession
from compostela.net.managesieve.settings import ManageSieveSettings
from compostela.net.pop3.server import LoginDelays, Pop3Server
from compostela.net.pop3.session import Pop3Session
from compostela.net.pop3.settings import Pop3Settings
from compostela.net.session import Session
from compostela.net.settings import ServerSettings
from compostela.net.smtp.server import SmtpServer
from compostela.net.smtp.session import SmtpServerSession
from compostela.net.smtp.settings import SmtpSettings
from compostela.net.tls.context import server_context
from compostela.net.tls.errors import TlsError
from compostela.processing.container import DEFAULT_WORKERS
from compostela.processing.lmtp_delivery import ContainerDelivery
from compostela.processing.processor import MailProcessors


@dataclass(frozen=True, slots=True)
class ListenerFactory:
    """Makes listeners, which open no port yet. Every method raises `TlsError` and `KerberosError`."""

    stores: Stores
    services: Services
    logins: LoginMethods
    recent_logins: RecentLogins
    """Told of logins at the mailbox protocols."""
    login_delays: LoginDelays
    """Of all POP3 servers together."""
    bans: CrowdsecBans | None
    locations: FileLocations
    clock: Clock
    connections: ConnectionCounts
    turns: AcceptTurns | None = None
    """Of processes that accept at the same sockets."""

    def smtp(self, settings: SmtpSettings, chain: HookChain) -> Listener:
        server = self._smtp_server(settings, chain)
        return self._listener(settings.server, lambda connection, tls: SmtpServerSession(server, connection, tls))

    def lmtp(self, settings: LmtpSettings, chain: HookChain, delivery: MailDelivery) -> Listener:
        server = self._smtp_server(settings.session, chain)
        return self._listener(
            settings.session.server, lambda connection, tls: LmtpServerSession(server, delivery, connection, tls)
        )

    def imap(self, settings: ImapSettings) -> Listener:
        logins = replace(
            self.logins.of(settings.auth), administrators=settings.administrators, noted_by=self.recent_logins
        )
        bans = self.bans if settings.ban_check is not None else None
        server = ImapServer(settings, self.services.mailboxes, logins, self.stores.blobs, self.clock, bans)
        return self._listener(settings.server, lambda connection, tls: ImapSession(server, connection, tls))

    def pop3(self, settings: Pop3Settings) -> Listener:
        logins = replace(self.logins.of(settings.auth), noted_by=self.recent_logins)
        bans = self.bans if settings.ban_check is not None else None
        server = Pop3Server(settings, self.services.mailboxes, logins, self.login_delays, bans)
        return self._listener(settings.server, lambda connection, tls: Pop3Session(server, connection, tls))

    def managesieve(self, settings: ManageSieveSettings) -> Listener:
        logins = replace(self.logins.of(settings.auth), noted_by=self.recent_logins)
        bans = self.bans if settings.ban_check is not None else None
        limits = self.services.sieve_engine.limits
        server = ManageSieveServer(settings, self.services.sieve, logins, limits, bans)
        return self._listener(settings.server, lambda connection, tls: ManageSieveSession(server, connection, tls))

    def _smtp_server(self, settings: SmtpSettings, chain: HookChain) -> SmtpServer:
        return SmtpServer(
            settings=settings,
            hooks=chain,
            queue=self.stores.queues.queue(SPOOL),
            blobs=self.stores.blobs,
            logins=replace(self.logins.of(settings.auth), accounts=chain.accounts),
            default_domain=self.services.domains.default_domain,
            clock=self.clock,
        )

    def _listener(self, settings: ServerSettings, make_session: Callable[[Connection, bool], Session]) -> Listener:
        """`make_session` is told whether TLS is there already."""
        context = None
        if settings.tls.offered:
            try:
                context = server_context(settings.tls, self.locations.resolve)
            except TlsError as error:
                raise TlsError(f"{settings.tls.place}: {error}") from error

        def connect(listener: Listener, tls: bool) -> Connection:
            return Connection(listener, lambda connection: make_session(connection, tls))

        return Listener(settings, connect, self.connections, context, self.turns)


def lmtp_delivery(
    settings: LmtpSettings,
    stores: Stores,
    services: Services,
    processors: MailProcessors,
    tracer: Tracer,
    workers: int,
) -> MailDelivery:
    """Through the mail container or straight to the mailboxes. `workers` are those of the spooler, 0 for none."""
    if settings.through_container:
        split = settings.split_execution
        return ContainerDelivery(processors, stores.runs, stores.blobs, tracer, workers or DEFAULT_WORKERS, split=split)
    return DirectDelivery(
        services.users, services.rewriting, services.mailboxes.system, stores.queues.queue(SPOOL), tracer
    )


def ports_by_name(listeners: Sequence[Listener]) -> dict[str, list[int]]:
    """The ports that are really open, by the name of each server."""
    return {listener.settings.name: listener.ports for listener in listeners}
