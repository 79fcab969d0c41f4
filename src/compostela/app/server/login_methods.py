"""The ways to log in at each server. Servers with the same identity provider or Kerberos principal share its client."""

from compostela.adapters.kerberos.acceptor import KerberosAcceptor
from compostela.adapters.oidc.verifier import OidcTokenVerifier
from compostela.app.configuration.locations import FileLocations
from compostela.base.clock import Clock
from compostela.core.authentication.ended_sessions import EndedSessions
from compostela.core.authentication.kerberos import KerberosSettings
from compostela.core.authentication.known_tokens import KnownTokens
from compostela.core.authentication.oidc import OidcSettings
from compostela.core.authentication.service import Authenticator
from compostela.net.authentication.logins import Logins
from compostela.net.authentication.settings import AuthSettings


class LoginMethods:
    """Makes the `Logins` of each server."""

    def __init__(
        self,
        authenticator: Authenticator,
        locations: FileLocations,
        clock: Clock,
        ended: EndedSessions,
        known: KnownTokens,
    ) -> None:
        self._authenticator = authenticator
        self._locations = locations
        self._clock = clock
        self._ended = ended
        self._known = known
        self._tokens: dict[OidcSettings, OidcTokenVerifier] = {}
        self._kerberos: dict[KerberosSettings, KerberosAcceptor] = {}

    def of(self, settings: AuthSettings) -> Logins:
        """Raises `KerberosError`."""
        tokens = self._verifier(settings.oidc) if settings.oidc is not None else None
        contexts = self._acceptor(settings.kerberos).begin if settings.kerberos is not None else None
        return Logins(settings, self._authenticator, tokens, contexts)

    @property
    def verifiers(self) -> list[OidcTokenVerifier]:
        """One for each identity provider that a server trusts."""
        return list(self._tokens.values())

    def _verifier(self, settings: OidcSettings) -> OidcTokenVerifier:
        if settings not in self._tokens:
            self._tokens[settings] = OidcTokenVerifier(settings, self._clock, self._ended, self._known)
        return self._tokens[settings]

    def _acceptor(self, settings: KerberosSettings) -> KerberosAcceptor:
        if settings not in self._kerberos:
            key_tab = self._locations.resolve(settings.key_tab) if settings.key_tab else None
            self._kerberos[settings] = KerberosAcceptor(settings, key_tab)
        return self._kerberos[settings]

    async def close(self) -> None:
        for verifier in self._tokens.values():
            await verifier.close()
