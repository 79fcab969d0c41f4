"""Finds the user of an access token.

OpenID Connect Discovery, RFC 7519 (JWT), RFC 7662 (introspection), OpenID Connect Core §5.3 (userinfo), OpenID Connect Back-Channel
Logout 1.0 (the end of a session).
"""

import hashlib
import logging
import math
from typing import TYPE_CHECKING

from compostela.adapters.oidc.http import ProviderHttp
from compostela.adapters.oidc.keys import SigningKeys
from compostela.base.clock import Clock
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.authentication.ended_sessions import EndedSessions
from compostela.core.authentication.known_tokens import KnownToken, KnownTokens
from compostela.core.authentication.oidc import OidcSettings
from compostela.core.authentication.ports import InvalidToken
from compostela.model.username import Username

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Asymmetric ones alone: neither `none` nor a public key taken for a shared secret."""
MAX_HEADER = 8192
"""Octets of a token's header: room for a chain of certificates, which is ignored."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_SESSION = 256
"""Characters of the name of a session at the provider (`sid`)."""
LEEWAY_SECONDS = 60
"""By so much the clocks of provider and server may differ."""


class OidcTokenVerifier:
    """Implements `compostela.core.authentication.ports.TokenVerifier` with one provider.

    A JWT must be signed by a key of the provider, be meant for us (`aud`), come from the provider (`iss`, as discovery tells
    it), have an end (`exp`) and not be past it. Then, if set, introspection must call it active and name the same user, else,
    if set, userinfo must name the same user. A token that is no JWT can only be judged by introspection, whose answer must say
    that it is meant for us. An answer is believed again for the time that the settings say; the signature and the end of a JWT, and the
    end of the session, are looked at each time.
    """

    def __init__(self, settings: OidcSettings, clock: Clock, ended: EndedSessions, known: KnownTokens) -> None:
        self._settings = settings
        self._ended = ended
        self._known = known
        self._clock = clock
        self._http = ProviderHttp()
        self._keys = SigningKeys(self._http, self._keys_address, clock)
        self._discovered: Mapping[str, object] | None = None

    async def verify(self, token: str) -> Username:
        """Raises `InvalidToken`, `TemporaryFailure` when the provider cannot be asked."""
        if token.count(".") == 2:
            claims = await self._claims(token)
            user = self._user(claims)
            await self._not_ended(claims.get("sid"))
            if self._settings.introspection_url or self._settings.userinfo_url:
                _same(user, Username((await self._judged(token, is_jwt=True)).user))
            return user
        if not self._settings.introspection_url:
            raise InvalidToken("the token is no JWT")
        judged = await self._judged(token, is_jwt=False)
        await self._not_ended(judged.session)
        return Username(judged.user)

    async def _judged(self, token: str, *, is_jwt: bool) -> KnownToken:
        """What the provider says of a token, or has said a moment ago."""
        believed = self._settings.believed_seconds
        if not believed:
            return (await self._asked(token, is_jwt=is_jwt))[0]
        place = self._settings.introspection_url or self._settings.userinfo_url
        digest = hashlib.sha256(f"{self._of_provider(place)} {token}".encode("utf-8", "surrogatepass")).hexdigest()
        known = await self._known.find(digest)
        if known is None:
            known, left = await self._asked(token, is_jwt=is_jwt)
            if left > 0:
                await self._known.keep(digest, known, min(believed, left))
        return known

    async def _asked(self, token: str, *, is_jwt: bool) -> tuple[KnownToken, float]:
        """The provider's answer, and for how many seconds the token is good."""
        if self._settings.introspection_url:
            answer = await self._introspected(token)
            if not is_jwt:
                self._meant_for_us(answer)
        else:
            answer = await self._userinfo(token)
        session, ends_at = answer.get("sid"), answer.get("exp")
        left = float(ends_at) - self._clock.now() if isinstance(ends_at, int | float) else math.inf
        return KnownToken(self._user(answer).value, session if isinstance(session, str) else ""), left

    async def end_session(self, logout_token: str) -> None:
        """Its audience is the client that the user had logged in to, which may be another than that of the access tokens."""
        if logout_token.count(".") != 2:
            raise InvalidToken("the token is no JWT")
        claims = await self._claims(logout_token, is_access=False)
        events = claims.get("events")
        # §2.4: so an access token or ID token, which a client may see, ends no session
        if not isinstance(events, dict) or LOGOUT_EVENT not in events or "nonce" in claims:
            raise InvalidToken("this is not a logout token")
        session = claims.get("sid")
        if not isinstance(session, str) or not 0 < len(session) <= MAX_SESSION:
            raise InvalidToken("the logout token names no session (sid)")
        await self._ended.end(self._of_provider(session))
        _log.info("a session was ended by the identity provider", extra={"sid": session})

    async def close(self) -> None:
        await self._http.close()

    async def _not_ended(self, session: object) -> None:
        if isinstance(session, str) and session and await self._ended.has_ended(self._of_provider(session)):
            raise InvalidToken("the provider has ended the token's session")

    def _of_provider(self, name: str) -> str:
        """A name that other providers may use too."""
        return f"{self._settings.configuration_url or self._settings.jwks_url} {name}"

    async def _claims(self, token: str, *, is_access: bool = True) -> "Mapping[str, object]":
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jws import JWSRegistry, extract_compact

        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        registry.max_header_length = MAX_HEADER
        try:
            header = extract_compact(token.encode("ascii"), registry=registry).headers()
        except (JoseError, ValueError) as error:
            raise InvalidToken(f"the token cannot be read: {error}") from error
        if header.get("alg") not in ALGORITHMS:
            raise InvalidToken("the token is signed in a way that is not accepted")
        key_id = header.get("kid")
        if key_id is not None and not isinstance(key_id, str):
            raise InvalidToken("the token names no key")
        keys = await self._keys.for_key_id(key_id)
        issuer = await self._issuer()
        claims = jwt.JWTClaimsRegistry(now=int(self._clock.now()), leeway=LEEWAY_SECONDS, exp={"essential": is_access})
        if is_access and self._settings.audiences:
            claims.options["aud"] = {"essential": True, "values": list(self._settings.audiences)}
        if issuer:
            claims.options["iss"] = {"essential": True, "value": issuer}
        try:
            decoded = jwt.decode(token, keys, registry=registry)
            claims.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidToken(f"the token is not accepted: {error}") from error
        return decoded.claims

    def _user(self, claims: "Mapping[str, object]") -> Username:
        name = self._settings.claim
        value = claims.get(name)
        if not isinstance(value, str):
            raise InvalidToken(f"the claim {name!r} names no user")
        if name == "email" and claims.get("email_verified") not in (None, True, "true"):
            # a user that can write any address into a profile must not become its owner here; some providers send it as text
            raise InvalidToken("the provider has not verified the address")
        try:
            return Username.parse(value)
        except InvalidArgument as error:
            raise InvalidToken(str(error)) from error

    def _meant_for_us(self, answer: "Mapping[str, object]") -> None:
        """RFC 7662 §4: an active token of another service is none for us."""
        audience = answer.get("aud", answer.get("client_id"))
        named = audience if isinstance(audience, list) else [audience]
        if self._settings.audiences and not any(one in self._settings.audiences for one in named):
            raise InvalidToken("the token is meant for another service")

    async def _introspected(self, token: str) -> "Mapping[str, object]":
        url = self._settings.introspection_url
        headers = {"Authorization": self._settings.introspection_auth} if self._settings.introspection_auth else {}
        status, answer = await self._http.post(url, {"token": token}, headers)
        if status != 200:
            _log.error("the identity provider refuses introspection", extra={"url": url, "status": status})
            raise TemporaryFailure(f"{url} answered {status}")
        if answer.get("active") is not True:
            raise InvalidToken("the provider says that the token is not active")
        return answer

    async def _userinfo(self, token: str) -> "Mapping[str, object]":
        url = self._settings.userinfo_url
        status, answer = await self._http.get(url, {"Authorization": f"Bearer {token}"})
        if status in {400, 401, 403}:
            raise InvalidToken("the provider does not know the token's user")
        if status != 200:
            raise TemporaryFailure(f"{url} answered {status}")
        return answer

    async def _keys_address(self) -> str:
        if self._settings.jwks_url:
            return self._settings.jwks_url
        address = (await self._discovery()).get("jwks_uri")
        if not isinstance(address, str):
            raise TemporaryFailure("the provider's configuration names no jwks_uri")
        return address

    async def _issuer(self) -> str:
        """The expected issuer. Empty when the provider's configuration is not set: then its keys alone identify the provider."""
        if not self._settings.configuration_url:
            return ""
        issuer = (await self._discovery()).get("issuer")
        if not isinstance(issuer, str) or not issuer:
            raise TemporaryFailure("the provider's configuration names no issuer")
        return issuer

    async def _discovery(self) -> "Mapping[str, object]":
        """OpenID Connect Discovery §4; kept while the server runs, for neither of the two names changes in a provider's life."""
        if self._discovered is None:
            status, answer = await self._http.get(self._settings.configuration_url)
            if status != 200:
                raise TemporaryFailure(f"{self._settings.configuration_url} answered {status}")
            self._discovered = answer
        return self._discovered


def _same(user: Username, other: Username) -> None:
    if user != other:
        raise InvalidToken("the provider names another user")
