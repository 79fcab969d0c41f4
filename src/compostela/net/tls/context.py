"""TLS contexts of servers, whose keys can be exchanged while they are in use."""

import ssl
from typing import Any

from compostela.core.keystores.errors import KeyStoreError
from compostela.net.tls.errors import TlsError
from compostela.net.tls.keys import ResolveUrl, load_keys
from compostela.net.tls.secret_file import SecretFile
from compostela.net.tls.settings import TlsSettings
from compostela.net.tls.suites import FFDHE2048, PROTOCOLS
from compostela.net.tls.trust import ask_for_certificates


class KeyedContext(ssl.SSLContext):
    """A context that knows the certificate that it shows."""

    certificate: bytes | None = None
    """In DER; None when there are several, for keys of several kinds."""
    certificates: tuple[bytes, ...] = ()


class ServerContext(ssl.SSLContext):
    """What a listener holds: it hands every new connection to the context that is in force, so an exchange of keys needs no new
    socket, and connections that are there keep theirs. The event loops ask a context for nothing but `wrap_bio`."""

    def __new__(cls, settings: TlsSettings, resolve: ResolveUrl) -> "ServerContext":  # noqa: ARG004 - __init__'s
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, settings: TlsSettings, resolve: ResolveUrl) -> None:
        self._settings = settings
        self._resolve = resolve
        self.in_force = _make(settings, resolve)

    def reload(self) -> bool:
        """Reads all files again; new connections get what is in them. Tells whether a certificate changed. Raises `TlsError`, and then
        the old ones stay in force. Takes a moment: to be called in a thread."""
        fresh = _make(self._settings, self._resolve)
        changed = fresh.certificates != self.in_force.certificates
        self.in_force = fresh
        return changed

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:  # Any: as the method that it takes the place of
        return self.in_force.wrap_bio(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:  # Any: likewise
        return self.in_force.wrap_socket(*args, **options)


def server_context(settings: TlsSettings, resolve: ResolveUrl) -> ServerContext:
    """A context for a server; `resolve` turns `file://conf/x` into a path. Raises `TlsError`."""
    return ServerContext(settings, resolve)


def _make(settings: TlsSettings, resolve: ResolveUrl) -> KeyedContext:
    context = KeyedContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context, settings)
    try:
        context.certificates = tuple(load_keys(context, settings, resolve))
        if settings.client_auth is not None:
            ask_for_certificates(context, settings.client_auth, resolve)
    except KeyStoreError as error:
        raise TlsError(str(error)) from error
    if len(context.certificates) == 1:
        (context.certificate,) = context.certificates
    return context


def _restrict(context: ssl.SSLContext, settings: TlsSettings) -> None:
    versions = [PROTOCOLS[name] for name in settings.protocols] or list(PROTOCOLS.values())
    suites = settings.suites
    if suites.tls12 and not suites.tls13:
        versions = [one for one in versions if one is not ssl.TLSVersion.TLSv1_3]
    if suites.tls13 and not suites.tls12:
        versions = [one for one in versions if one is ssl.TLSVersion.TLSv1_3]
    if not versions:
        raise TlsError("none of the cipher suites belongs to one of the protocols")
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    if suites.tls12:
        context.set_ciphers(":".join(suites.tls12))
    if suites.need_a_group:
        with SecretFile(FFDHE2048) as name:
            context.load_dh_params(name)
