"""The exchanges of a server, each from its first response to a user."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.core.authentication.failure_ports import RecentLogins
from compostela.core.authentication.oidc import OidcSettings
from compostela.core.authentication.ports import TokenVerifier
from compostela.core.authentication.service import Authenticator, Client, Identity, LoginRefused, Refusal
from compostela.core.authentication.static_accounts import NO_ACCOUNTS, StaticAccounts
from compostela.model.username import Username
from compostela.net.authentication.mechanisms import EXTERNAL, GSSAPI, LOGIN, PLAIN, SCRAM, SCRAM_PLUS
from compostela.net.authentication.settings import AuthSettings
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.sasl.external import External
from compostela.protocols.sasl.gssapi import Gssapi, SecurityContext
from compostela.protocols.sasl.mechanism import (
    CertificateCredentials,
    Challenge,
    Mechanism,
    PasswordCredentials,
    PrincipalCredentials,
    Proved,
    Rejected,
    SecretsWanted,
    TokenCredentials,
    UnsupportedBinding,
)
from compostela.protocols.sasl.passwords import Login, Plain
from compostela.protocols.sasl.scram import Scram
from compostela.protocols.sasl.tokens import OauthBearer, XOauth2

_log = logging.getLogger(__name__)

PASSWORD = "password"
"""The method of IMAP's LOGIN and of POP3's USER and PASS."""


class NotOffered(CompostelaError):
    """The mechanism is not available on this channel. `needs_tls`: it is available over TLS."""

    def __init__(self, name: str, *, needs_tls: bool) -> None:
        super().__init__(f"the mechanism {name} is not available")
        self.needs_tls = needs_tls


@dataclass(frozen=True, slots=True)
class Logins:
    """What the exchanges of one server work with."""

    settings: AuthSettings
    authenticator: Authenticator
    tokens: TokenVerifier | None = None
    kerberos: Callable[[], SecurityContext] | None = None
    """Makes the context of one exchange."""
    administrators: frozenset[Username] = frozenset()
    accounts: StaticAccounts = NO_ACCOUNTS
    noted_by: RecentLogins | None = None
    """Notified of the address of each login."""

    def client(self, address: str) -> Client:
        """The client at that address."""
        return Client(address, self.administrators, self.accounts)

    async def note(self, identity: Identity, method: str, address: str) -> None:
        """A login that succeeded."""
        _tell("login succeeded", method, address, login=str(identity.login), user=str(identity.user))
        if self.noted_by is not None:
            await self.noted_by.note(address)

    def begin(
        self, name: str, address: str, channel: TlsChannel | None, *, tls: bool, bound: frozenset[str]
    ) -> "Exchange":
        """Begin an exchange with the mechanism of this name, in capitals. `bound` are the mechanisms that this very TLS channel makes
        possible. Raises `NotOffered`."""
        offered = self.settings.available(tls=tls, bound=bound)
        if name not in offered:
            needs_tls = not tls and name in self.settings.available(tls=True, bound=bound)
            # the name may be a secret that the client sent out of place
            _tell("login refused", name if needs_tls else "unknown", address, reason="the mechanism is not offered")
            raise NotOffered(name, needs_tls=needs_tls)
        return Exchange(self, self._make(name, channel, SCRAM_PLUS in offered), name, address, channel)

    def _gssapi(self) -> Mechanism:
        if self.kerberos is None:
            raise InvalidArgument("this mechanism is not configured")
        return Gssapi(self.kerberos())

    def _make(self, name: str, channel: TlsChannel | None, plus_offered: bool) -> Mechanism:
        oidc = self.settings.oidc or OidcSettings()
        makers: dict[str, Callable[[], Mechanism]] = {
            PLAIN: Plain,
            LOGIN: Login,
            SCRAM: lambda: Scram(plus_offered=plus_offered),
            SCRAM_PLUS: lambda: Scram((channel.server_end_point() if channel is not None else None) or b""),
            "OAUTHBEARER": lambda: OauthBearer(oidc.scope, oidc.configuration_url),
            "XOAUTH2": lambda: XOauth2(oidc.scope, oidc.configuration_url),
            GSSAPI: self._gssapi,
            EXTERNAL: External,
        }
        own = self.settings.own.get(name)
        return own.make(channel) if own is not None else makers[name]()

    async def by_password(self, name: str, password: str, address: str) -> Identity:
        """A login without SASL (IMAP's LOGIN). Raises as `Authenticator` does."""
        try:
            identity = await self.authenticator.by_password(name, password, None, self.client(address))
        except LoginRefused as refused:
            _tell("login refused", PASSWORD, address, reason=refused.refusal.value)
            raise
        await self.note(identity, PASSWORD, address)
        return identity


class Exchange:
    """One run of a mechanism."""

    __slots__ = ("_channel", "_client", "_logins", "_mechanism", "_name", "_refusal", "_response")

    def __init__(
        self, logins: Logins, mechanism: Mechanism, name: str, address: str, channel: TlsChannel | None
    ) -> None:
        self._logins = logins
        self._mechanism = mechanism
        self._name = name
        self._client = logins.client(address)
        self._channel = channel
        self._refusal: LoginRefused | None = None
        self._response = b""

    async def step(self, response: bytes | None) -> bytes | Identity:
        """A challenge, or the identity of the client. Raises `InvalidArgument` for what is not of the mechanism's form,
        `LoginRefused`, `TemporaryFailure`."""
        try:
            return await self._step(response)
        except LoginRefused as refused:
            _tell("login refused", self._name, self._client.address, reason=refused.refusal.value)
            raise
        except InvalidArgument as wrong:
            _tell("login refused", self._name, self._client.address, reason=str(wrong))
            raise

    async def _step(self, response: bytes | None) -> bytes | Identity:
        if self._refusal is not None:
            raise self._refusal
        await self._logins.authenticator.check(self._client)
        self._response = response or b""
        try:
            if self._mechanism.blocking:
                step = await asyncio.to_thread(self._mechanism.next, response)
            else:
                step = self._mechanism.next(response)
        except UnsupportedBinding as wrong:
            # no guess of a password: the throttle does not count it
            raise LoginRefused(Refusal(str(wrong))) from None
        if isinstance(step, SecretsWanted):
            secrets = await self._logins.authenticator.scram_secrets(step.authentication_id, self._client)
            step = self._mechanism.secrets(secrets)
        if isinstance(step, Challenge):
            return step.octets
        try:
            identity = await self._identity(step)
        except LoginRefused as refused:
            last_word = self._mechanism.refused()
            if last_word is None:
                raise
            # RFC 7628 §3.2.3: the client hears why, answers with anything, and is refused
            self._refusal = refused
            return last_word.octets
        await self._logins.note(identity, self._name, self._client.address)
        return identity

    async def step_in_base64(self, response: bytes | None) -> bytes | Identity:
        """As `step`, with the response and the challenge in base64. `=` is an empty response (RFC 4959 §3, RFC 5034 §4)."""
        octets = None
        if response is not None:
            try:
                octets = base64.b64decode(b"" if response == b"=" else response, validate=True)
            except binascii.Error:
                raise InvalidArgument("the response is not base64") from None
        step = await self.step(octets)
        return base64.b64encode(step) if isinstance(step, bytes) else step

    async def _identity(self, claim: object) -> Identity:
        match claim:
            case PasswordCredentials(name, password, acting_for):
                return await self._logins.authenticator.by_password(name, password, acting_for, self._client)
            case TokenCredentials(token, acting_for) if self._logins.tokens is not None:
                return await self._logins.authenticator.by_token(self._logins.tokens, token, acting_for, self._client)
            case CertificateCredentials(acting_for):
                channel = self._channel
                names = (*channel.peer_addresses, *channel.peer_common_names) if channel is not None else ()
                return await self._logins.authenticator.by_certificate(names, acting_for, self._client)
            case PrincipalCredentials(principal, acting_for) if self._logins.settings.kerberos is not None:
                realm = self._logins.settings.kerberos.realm
                return await self._logins.authenticator.by_principal(principal, realm, acting_for, self._client)
            case Proved(name, acting_for):
                return await self._logins.authenticator.proved(name, acting_for, self._client)
            case Rejected(name, reason):
                proof = self._response.hex()
                raise await self._logins.authenticator.disproved(name, proof, reason, self._client)
            case _:
                raise InvalidArgument("this mechanism is not configured")


def _tell(event: str, method: str, address: str, **fields: str) -> None:
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug(event, extra={"method": method, "ip": address, **fields})
