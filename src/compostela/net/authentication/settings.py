"""The `auth` element: what a server offers, and on which channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from compostela.base.declarations import Boolean, Many
from compostela.base.declared import Group, read
from compostela.base.settings import Settings
from compostela.core.authentication.kerberos import KerberosSettings
from compostela.core.authentication.oidc import OidcSettings
from compostela.net.authentication.mechanisms import (
    CLEARTEXT,
    EXTERNAL,
    GSSAPI,
    SCRAM_PLUS,
    TOKENS,
    SaslMechanismFactory,
    read_mechanisms,
)
from compostela.net.tls.channel import TlsChannel


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """The `auth` element."""

    mechanisms: Annotated[tuple[str, ...], Many("saslMechanisms")]
    """Mechanisms, by their names or by James's factories, in the order in which they are shown; see the operators' page on
    authentication."""
    require_ssl: Annotated[bool, Boolean("requireSSL")] = True
    """Passwords and tokens are taken under TLS only."""
    plain_enabled: Annotated[bool, Boolean("plainAuthEnabled")] = True
    """PLAIN, LOGIN and IMAP's LOGIN are there."""
    oidc: Annotated[OidcSettings | None, Group("oidc")] = None
    """The identity provider whose tokens are taken."""
    kerberos: Annotated[KerberosSettings | None, Group("gssapi")] = None
    """The server's identity in Kerberos."""
    own: Mapping[str, SaslMechanismFactory] = field(default_factory=dict)
    """The operator's own among the mechanisms."""

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
            if (self.plain_enabled or not self._is_cleartext(name))
            and (name not in (SCRAM_PLUS, EXTERNAL) or name in bound)
        ]

    def _is_cleartext(self, name: str) -> bool:
        own = self.own.get(name)
        return own.cleartext if own is not None else name in CLEARTEXT

    def bound_to(self, channel: TlsChannel | None) -> frozenset[str]:
        """The mechanisms that need this TLS channel: EXTERNAL a client certificate, -PLUS something to be bound to."""
        if channel is None:
            return frozenset()
        found = {EXTERNAL} if channel.peer_certificate is not None else set()
        if SCRAM_PLUS in self.mechanisms and channel.server_end_point() is not None:
            found.add(SCRAM_PLUS)
        return frozenset(found)


AUTH = Group("auth", defaults={"mechanisms": ()})
"""Of a server's settings, which read the element with `read_auth_settings`: its mechanisms are those of the protocol."""


def read_auth_settings(auth: Settings | None, defaults: Sequence[str], *, with_login: bool = False) -> AuthSettings:
    """Of an `auth` element, which its own protocol finishes. `defaults` are the mechanisms without `saslMechanisms`; added are tokens
    with `oidc`, GSSAPI with `gssapi`, and EXTERNAL, which only a client with a certificate sees."""
    if auth is None:
        return AuthSettings((*defaults, EXTERNAL))
    chosen, own = read_mechanisms(auth, with_login=with_login)
    made = read(AuthSettings, auth, mechanisms=chosen, own=own)
    if chosen:
        return made
    by_elements = (*(TOKENS if made.oidc is not None else ()), *((GSSAPI,) if made.kerberos is not None else ()))
    return replace(made, mechanisms=(*defaults, *by_elements, EXTERNAL))
