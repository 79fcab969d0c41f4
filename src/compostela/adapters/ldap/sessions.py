"""Connections to the servers of a directory, used by threads: each is bound once and kept."""

import math
import ssl
from collections import deque
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import (
    LDAPBusyResult,
    LDAPCommunicationError,
    LDAPException,
    LDAPInappropriateAuthenticationResult,
    LDAPInvalidCredentialsResult,
    LDAPInvalidDNSyntaxResult,
    LDAPInvalidPortError,
    LDAPNoSuchObjectResult,
    LDAPResponseTimeoutError,
    LDAPSSLConfigurationError,
    LDAPUnavailableResult,
    LDAPUnwillingToPerformResult,
)

from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.users.directory_settings import DirectorySettings
from compostela.core.users.scram import prepared

T = TypeVar("T")

_AWAY = (LDAPCommunicationError, LDAPResponseTimeoutError, LDAPBusyResult, LDAPUnavailableResult, OSError)
"""Reasons to ask another server."""
_WRONG_PASSWORD = (
    LDAPInvalidCredentialsResult,
    LDAPInappropriateAuthenticationResult,
    LDAPUnwillingToPerformResult,
    LDAPInvalidDNSyntaxResult,
    LDAPNoSuchObjectResult,
)


class Sessions:
    """All methods block, and may be called from several threads at once."""

    def __init__(self, settings: DirectorySettings) -> None:
        """Raises `InvalidArgument` for a URL that is none."""
        self._settings = settings
        try:
            # a mistake shows now, and not at the first question
            for url in settings.hosts:
                self._server(url)
        except (LDAPInvalidPortError, LDAPSSLConfigurationError, ValueError) as error:
            raise InvalidArgument(f"ldapHosts: {error}") from error
        self._first = 0
        """The server that answered last."""
        self._idle: deque[ldap3.Connection] = deque()
        self._closed = False

    def _server(self, url: str) -> ldap3.Server:
        """One for each connection: it would believe for minutes that an address is away."""
        parts = urlsplit(url)
        secure = parts.scheme.lower() == "ldaps"
        return ldap3.Server(
            parts.hostname or "",
            port=parts.port or (636 if secure else 389),
            use_ssl=secure,
            tls=ldap3.Tls(validate=ssl.CERT_NONE if self._settings.trust_all_certs else ssl.CERT_REQUIRED),
            get_info=ldap3.NONE,
            connect_timeout=self._settings.connection_timeout_seconds,
        )

    def ask(self, question: Callable[[ldap3.Connection], T]) -> T:
        """What `question` makes of a connection that is bound as the principal. If the connection is broken, another is made and asked,
        once. Raises `TemporaryFailure`."""
        kept = self._take()
        if kept is not None:
            try:
                return self._answered(kept, question)
            except _AWAY:
                # the server has closed it, or is gone
                kept = None
            except LDAPException as error:
                raise TemporaryFailure(f"the directory refuses a question: {error}") from error
        try:
            return self._answered(self._open(self._settings.principal, self._settings.credentials), question)
        except LDAPException as error:
            raise TemporaryFailure(f"the directory does not answer: {_text(error)}") from error
        except OSError as error:
            raise TemporaryFailure(f"the directory does not answer: {error}") from error

    def is_password_of(self, name: str, password: str) -> bool:
        """Whether the entry with this distinguished name may bind with the password. Raises `TemporaryFailure`."""
        try:
            self._end(self._open(name, password))
        except _WRONG_PASSWORD:
            return False
        except (LDAPException, OSError) as error:
            raise TemporaryFailure(f"the directory does not answer: {_text(error)}") from error
        return True

    def close(self) -> None:
        self._closed = True
        while (kept := self._take()) is not None:
            self._end(kept)

    def _answered(self, connection: ldap3.Connection, question: Callable[[ldap3.Connection], T]) -> T:
        try:
            found = question(connection)
        except BaseException:
            self._end(connection)
            raise
        if self._closed or len(self._idle) >= self._settings.pool_size:
            self._end(connection)
        else:
            self._idle.append(connection)
        return found

    def _take(self) -> ldap3.Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _open(self, name: str, password: str) -> ldap3.Connection:
        """A bound connection to the first server that answers, beginning with the one that answered last."""
        failure: Exception = OSError("no server is named")
        first = self._first
        for number in range(len(self._settings.hosts)):
            chosen = (first + number) % len(self._settings.hosts)
            connection = self._connection(self._settings.hosts[chosen], name, password)
            try:
                connection.bind()
            except _AWAY as error:
                self._end(connection)
                failure = error
            except BaseException:
                self._end(connection)
                raise
            else:
                self._first = chosen
                return connection
        raise failure

    def _connection(self, url: str, name: str, password: str) -> ldap3.Connection:
        return ldap3.Connection(
            self._server(url),
            user=name or None,
            # octets: the library refuses some texts
            password=prepared(password) if name else None,
            authentication=ldap3.SIMPLE if name else ldap3.ANONYMOUS,
            # the library takes whole seconds
            receive_timeout=math.ceil(self._settings.read_timeout_seconds),
            auto_referrals=False,
            read_only=True,
            raise_exceptions=True,
            check_names=False,
        )

    def _end(self, connection: ldap3.Connection) -> None:
        # one that could not be made keeps its socket
        left = connection.socket
        try:
            connection.unbind()
        except (LDAPException, OSError):
            # it is broken: nothing is left to end
            pass
        finally:
            if left is not None:
                left.close()


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
