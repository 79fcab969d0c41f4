"""The listener for the public documents: autoconfig, autodiscover, the MTA-STS policy."""

import socket
import ssl
from typing import TYPE_CHECKING

from compostela.app.configuration.folder import Configuration
from compostela.base.settings import Place
from compostela.core.autoconfiguration.settings import AutoconfigurationSettings
from compostela.core.domains.service import DomainList
from compostela.doctor.examination import public_setup
from compostela.net.listening_sockets import ListeningSockets
from compostela.net.settings import BindAddress
from compostela.net.tls.context import server_context
from compostela.net.tls.errors import TlsError
from compostela.net.tls.settings import TlsSettings

if TYPE_CHECKING:
    from compostela.web.webadmin.server import WebAdminServer

BACKLOG = 100
MAX_CONNECTIONS = 1000
ARRIVAL_SECONDS = 10.0
MAX_REQUEST_BYTES = 256 * 1024
"""Requests are a few hundred octets long; a larger one, up to this size, still gets an answer that says why it is refused."""
FILE = "autoconfiguration.properties"
NAME = "autoconfiguration"


def address_of(public: AutoconfigurationSettings) -> BindAddress:
    """Where the documents are served."""
    return BindAddress(public.host, public.port)


def tls_of(public: AutoconfigurationSettings) -> TlsSettings:
    """The key of the public documents' HTTPS."""
    return TlsSettings(
        place=Place(FILE),
        implicit=True,
        keystore=public.keystore,
        private_key=public.private_key,
        certificates=public.certificates,
        secret=public.secret,
    )


class PublicDocumentsListener:
    """Binds first, serves when the mail ports are open. Its certificate is exchanged with those of the mail servers."""

    def __init__(self, configuration: Configuration, sockets: ListeningSockets) -> None:
        """Raises `TlsError`, `BindError`."""
        self._configuration = configuration
        public = configuration.autoconfiguration
        self.context: ssl.SSLContext | None = None
        if public.https:
            tls = tls_of(public)
            try:
                self.context = server_context(tls, configuration.locations.resolve)
            except TlsError as error:
                raise TlsError(f"{tls.place}: {error}") from error
        self._sockets: list[socket.socket] = sockets.take(NAME, (address_of(public),), BACKLOG)
        self._server: WebAdminServer | None = None

    @property
    def name(self) -> str:
        return NAME

    @property
    def ports(self) -> list[int]:
        return [bound.getsockname()[1] for bound in self._sockets]

    async def start(self, domains: DomainList, ports: dict[str, list[int]], *, whole_address: bool) -> None:
        """`ports` are those of the mail servers; `whole_address`: users log in with it."""
        # slow to import
        from compostela.web.autoconfiguration.application import PublicDocuments
        from compostela.web.webadmin.request_limits import RequestLimits
        from compostela.web.webadmin.server import WebAdminServer

        documents = PublicDocuments(
            public_setup(self._configuration.examined, ports), domains, whole_address=whole_address
        )
        self._server = WebAdminServer(
            documents.application(),
            self._sockets,
            self.context,
            connections=MAX_CONNECTIONS,
            limits=RequestLimits(ARRIVAL_SECONDS, MAX_REQUEST_BYTES),
        )
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()
        for bound in self._sockets:
            bound.close()
