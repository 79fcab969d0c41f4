"""SASL on a server: which mechanisms there are, which of them a channel may use, and an exchange from its first response to a user."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings, nearest
from compostela.core.authentication.oidc import OidcSettings, read_oidc_settings
from compostela.core.authentication.ports import TokenVerifier
from compostela.core.authentication.recent_logins import RecentLogins
from compostela.core.authentication.service import Authenticator, Client, LoginRefused
from compostela.core.authentication.static_accounts import NO_ACCOUNTS, StaticAccounts
from compostela.model.username import Username
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.sasl.external import External
from compostela.protocols.sasl.mechanism import (
    CertificateCredentials,
    Challenge,
    Mechanism,
    PasswordCredentials,
    Proved,
    Rejected,
    SecretsWanted,
    TokenCredentials,
)
from compostela.protocols.sasl.passwords import Login, Plain
from compostela.protocols.sasl.scram import Scram
from compostela.protocols.sasl.tokens import OauthBearer, XOauth2

SCRAM, SCRAM_PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
EXTERNAL = "EXTERNAL"
TOKENS = ("OAUTHBEARER", "XOAUTH2")
_CLEARTEXT = ("PLAIN", "LOGIN")
_MECHANISMS = ("PLAIN", "LOGIN", SCRAM, SCRAM_PLUS, *TOKENS, EXTERNAL)
_FACTORY = "saslmechanismfactory"


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """The `auth` element."""

    mechanisms: tuple[str, ...]
    """In the order in which they are shown."""
    require_ssl: bool = True
    """Passwords and tokens are taken under TLS only."""
    plain_enabled: bool = True
    """PLAIN and LOGIN are there, and IMAP's LOGIN."""
    oidc: OidcSettings | None = None
    """The identity provider whose tokens are taken."""

    def takes_passwords(self, *, tls: bool) -> bool:
        """Whether a password may cross the wire as it is."""
        return self.plain_enabled and (tls or not self.require_ssl)

    def available(self, *, tls: bool, bound: frozenset[str]) -> list[str]:
        """Mechanisms for a channel. `bound` are those that this very TLS channel makes possible."""
        if self.require_ssl and not tls:
            return []
        return [
            name
            for name in self.mechanisms
            if (name not in _CLEARTEXT or self.plain_enabled) and (name not in (SCRAM_PLUS, EXTERNAL) or name in bound)
        ]

    def bound_to(self, channel: TlsChannel | None) -> frozenset[str]:
        """The mechanisms that need this TLS channel: EXTERNAL a client certificate, -PLUS something to be bound to."""
        if channel is None:
            return frozenset()
        found = {EXTERNAL} if channel.peer_certificate is not None else set()
        if SCRAM_PLUS in self.mechanisms and channel.server_end_point() is not None:
            found.add(SCRAM_PLUS)
        return frozenset(found)


def read_auth_settings(
    auth: Settings | None, defaults: Sequence[str], *, require_ssl: bool = True, with_login: bool = False
) -> AuthSettings:
    """Of an `auth` element, which its own protocol finishes. `defaults` are the mechanisms without `saslMechanisms`; tokens are added
    with `oidc`, and EXTERNAL, which only a client with a certificate sees."""
    if auth is None:
        return AuthSettings((*defaults, EXTERNAL), require_ssl)
    section = auth.section("oidc")
    oidc = read_oidc_settings(section) if section is not None else None
    auth.not_yet("gssapi")
    chosen = _chosen(auth, with_login=with_login)
    return AuthSettings(
        mechanisms=chosen or (*defaults, *(TOKENS if oidc is not None else ()), EXTERNAL),
        require_ssl=auth.boolean("requireSSL", require_ssl),
        plain_enabled=auth.boolean("plainAuthEnabled", True),
        oidc=oidc,
    )


def _chosen(auth: Settings, *, with_login: bool) -> tuple[str, ...]:
    """By their names or by James's factories."""
    found: list[str] = []
    plain = {name.lower().replace("-", ""): name for name in _MECHANISMS}
    for text in auth.strings("saslMechanisms"):
        for word in text.replace(",", " ").split():
            short = word.rpartition(".")[2].lower().replace("-", "").removesuffix(_FACTORY)
            name = plain.get(short)
            if short == "gssapi":
                auth.problems.not_yet(auth.place_of("saslMechanisms"), "GSSAPI is not yet in effect")
            elif name is None or (name == "LOGIN" and not with_login):
                auth.error(f"there is no mechanism {word!r} here{nearest(word, _MECHANISMS)}", "saslMechanisms")
            elif name in TOKENS and not auth.has("oidc"):
                auth.error(f"{name} needs an 'oidc' element", "saslMechanisms")
            else:
                found.append(name)
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Logins:
    """What the exchanges of one server work with."""

    settings: AuthSettings
    authenticator: Authenticator
    tokens: TokenVerifier | None = None
    administrators: frozenset[Username] = frozenset()
    accounts: StaticAccounts = NO_ACCOUNTS
    noted_by: RecentLogins | None = None
    """Who is told from where somebody has logged in."""

    def client(self, address: str) -> Client:
        """Whoever is at that address."""
        return Client(address, self.administrators, self.accounts)

    def note(self, address: str) -> None:
        """A login that succeeded."""
        if self.noted_by is not None:
            self.noted_by.note(address)

    def begin(self, name: str, address: str, channel: TlsChannel | None, *, plus_offered: bool) -> "Exchange":
        """With a mechanism that is available."""
        return Exchange(self, self._make(name, channel, plus_offered), address, channel)

    def _make(self, name: str, channel: TlsChannel | None, plus_offered: bool) -> Mechanism:
        oidc = self.settings.oidc or OidcSettings()
        makers: dict[str, Callable[[], Mechanism]] = {
            "PLAIN": Plain,
            "LOGIN": Login,
            SCRAM: lambda: Scram(plus_offered=plus_offered),
            SCRAM_PLUS: lambda: Scram((channel.server_end_point() if channel is not None else None) or b""),
            "OAUTHBEARER": lambda: OauthBearer(oidc.scope, oidc.configuration_url),
            "XOAUTH2": lambda: XOauth2(oidc.scope, oidc.configuration_url),
            EXTERNAL: External,
        }
        return makers[name]()

    async def by_password(self, name: str, password: str, address: str) -> Username:
        """A login without SASL (IMAP's LOGIN). Raises as `Authenticator` does."""
        user = await self.authenticator.by_password(name, password, None, self.client(address))
        self.note(address)
        return user


class Exchange:
    """One run of a mechanism."""

    __slots__ = ("_channel", "_client", "_logins", "_mechanism", "_refusal", "_response")

    def __init__(self, logins: Logins, mechanism: Mechanism, address: str, channel: TlsChannel | None) -> None:
        self._logins = logins
        self._mechanism = mechanism
        self._client = logins.client(address)
        self._channel = channel
        self._refusal: LoginRefused | None = None
        self._response = b""

    async def step(self, response: bytes | None) -> bytes | Username:
        """A challenge, or the user as whom the client acts. Raises `InvalidArgument` for what is not of the mechanism's form,
        `LoginRefused`, `TemporaryFailure`."""
        if self._refusal is not None:
            raise self._refusal
        self._response = response or b""
        step = self._mechanism.next(response)
        if isinstance(step, SecretsWanted):
            secrets = await self._logins.authenticator.scram_secrets(step.authentication_id, self._client)
            step = self._mechanism.secrets(secrets)
        if isinstance(step, Challenge):
            return step.octets
        try:
            user = await self._user(step)
        except LoginRefused as refused:
            last_word = self._mechanism.refused()
            if last_word is None:
                raise
            # RFC 7628 §3.2.3: the client hears why, answers with anything, and is refused
            self._refusal = refused
            return last_word.octets
        self._logins.note(self._client.address)
        return user

    async def _user(self, claim: object) -> Username:
        match claim:
            case PasswordCredentials(name, password, acting_for):
                return await self._logins.authenticator.by_password(name, password, acting_for, self._client)
            case TokenCredentials(token, acting_for) if self._logins.tokens is not None:
                return await self._logins.authenticator.by_token(self._logins.tokens, token, acting_for, self._client)
            case CertificateCredentials(acting_for):
                channel = self._channel
                names = (*channel.peer_addresses, *channel.peer_common_names) if channel is not None else ()
                return await self._logins.authenticator.by_certificate(names, acting_for, self._client)
            case Proved(name, acting_for):
                return await self._logins.authenticator.proved(name, acting_for, self._client)
            case Rejected(name):
                proof = self._response.hex()
                raise await self._logins.authenticator.disproved(name, proof, self._client)
            case _:
                raise InvalidArgument("this mechanism has no server behind it")
