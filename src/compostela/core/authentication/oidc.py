"""The `oidc` element of a server."""

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Self

from compostela.base.declarations import Duration, Many, Text
from compostela.base.declared import Declared
from compostela.base.settings import Settings

_URL = re.compile(r"https?://[^\s/]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OidcSettings(Declared):
    """One identity provider, as a server trusts it."""

    configuration_url: Annotated[str, Text("oidcConfigurationURL")] = ""
    """Where the identity provider tells of itself (OpenID Connect Discovery); tokens must be of the issuer that it names."""
    jwks_url: Annotated[str, Text("jwksURL")] = ""
    """Where its keys are; without it, as its configuration says."""
    claim: Annotated[str, Text("claim")] = "email"
    """Which claim of a token names the user."""
    scope: Annotated[str, Text("scope")] = ""
    """What clients are told to ask the provider for."""
    audiences: Annotated[tuple[str, ...], Many("aud")] = ()
    """The audiences (`aud`) of which a token must name one, several with commas; `any` accepts any token. The element is required."""
    introspection_url: Annotated[str, Text("introspection/url")] = ""
    """Where the provider is asked whether a token is still good (RFC 7662)."""
    introspection_auth: Annotated[str, Text("introspection/auth")] = field(default="", repr=False)
    """The Authorization header for that."""
    userinfo_url: Annotated[str, Text("userinfo/url")] = ""
    """Where the provider is asked whose token it is, without introspection."""
    believed_seconds: Annotated[float, Duration("tokenCache/expiration")] = 0.0
    """How long an answer of introspection or userinfo is believed, at most until the token expires; 0: each login asks anew."""

    def completed(self, settings: Settings) -> Self:
        if not self.audiences:
            settings.error("oidc needs 'aud': a token for another service must not log in here ('any' takes all)")
        for name, url in (
            ("oidcConfigurationURL", self.configuration_url),
            ("jwksURL", self.jwks_url),
            ("introspection/url", self.introspection_url),
            ("userinfo/url", self.userinfo_url),
        ):
            if settings.has(name) and not _URL.match(url):
                settings.error(f"{name} must be a URL such as https://id.example.org/…", name)
        if not self.configuration_url and not self.jwks_url:
            settings.error("oidc needs 'oidcConfigurationURL' or 'jwksURL'")
        return replace(self, audiences=()) if self.audiences == ("any",) else self
