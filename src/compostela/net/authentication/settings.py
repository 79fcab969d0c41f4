"""The `auth` element: what a server offers, and on which channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compostela.base.settings import Settings
from compostela.core.authentication.kerberos import KerberosSettings, read_kerberos_settings
from compostela.core.authentication.oidc import OidcSettings, read_oidc_settings
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

    mechanisms: tuple[str, ...]
    """In the order in which they are shown."""
    require_ssl: bool = True
    """Passwords and tokens are taken under TLS only."""
    plain_enabled: bool = True
    """PLAIN and LOGIN are there, and IMAP's LOGIN."""
    oidc: OidcSettings | None = None
    """The identity provider whose tokens are taken."""
    kerberos: KerberosSettings | None = None
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


def read_auth_settings(
    auth: Settings | None, defaults: Sequence[str], *, require_ssl: bool = True, with_login: bool = False
) -> AuthSettings:
    """Of an `auth` element, which its own protocol finishes. `defaults` are the mechanisms without `saslMechanisms`; added are tokens
    with `oidc`, GSSAPI with `gssapi`, and EXTERNAL, which only a client with a certificate sees."""
    if auth is None:
        return AuthSettings((*defaults, EXTERNAL), require_ssl)
    section = auth.section("oidc")
    oidc = read_oidc_settings(section) if section is not None else None
    section = auth.section("gssapi")
    kerberos = read_kerberos_settings(section) if section is not None else None
    chosen, own = read_mechanisms(auth, with_login=with_login)
    by_elements = (*(TOKENS if oidc is not None else ()), *((GSSAPI,) if kerberos is not None else ()))
    return AuthSettings(
        mechanisms=chosen or (*defaults, *by_elements, EXTERNAL),
        require_ssl=auth.boolean("requireSSL", require_ssl),
        plain_enabled=auth.boolean("plainAuthEnabled", True),
        oidc=oidc,
        kerberos=kerberos,
        own=own,
    )
