"""The `oidc` element of a server."""

import re
from dataclasses import dataclass, field

from compostela.base.settings import Settings

_URL = re.compile(r"https?://[^\s/]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """One identity provider, as a server trusts it."""

    configuration_url: str = ""
    """Where the provider tells of itself (OpenID Connect Discovery); tokens must be of the issuer that it names."""
    jwks_url: str = ""
    """Where its keys are; empty: as its configuration says."""
    claim: str = "email"
    """Which claim of a token names the user."""
    scope: str = ""
    """What clients are told to ask the provider for."""
    audiences: tuple[str, ...] = ()
    """The audiences (`aud`) of which a token must name one; empty accepts any token."""
    introspection_url: str = ""
    """Where the provider is asked whether a token is still good (RFC 7662)."""
    introspection_auth: str = field(default="", repr=False)
    """The Authorization header for that."""
    userinfo_url: str = ""
    """Where the provider is asked whose token it is, without introspection."""


def read_oidc_settings(settings: Settings) -> OidcSettings:
    """`aud` is mandatory: `aud` with the text `any` says that tokens made out for others are taken too.
    What is unknown is reported with the server's own elements."""
    introspection, userinfo = settings.section("introspection"), settings.section("userinfo")
    audiences = [one.strip() for text in settings.strings("aud") for one in text.split(",") if one.strip()]
    if not audiences:
        settings.error("oidc needs 'aud': a token for another service must not log in here ('any' takes all)")
    read = OidcSettings(
        configuration_url=settings.text("oidcConfigurationURL", ""),
        jwks_url=settings.text("jwksURL", ""),
        claim=settings.text("claim", "email"),
        scope=settings.text("scope", ""),
        audiences=() if audiences == ["any"] else tuple(audiences),
        introspection_url=introspection.text("url", "") if introspection else "",
        introspection_auth=introspection.text("auth", "") if introspection else "",
        userinfo_url=userinfo.text("url", "") if userinfo else "",
    )
    for section, name in (
        (settings, "oidcConfigurationURL"),
        (settings, "jwksURL"),
        (introspection, "url"),
        (userinfo, "url"),
    ):
        if section is not None and section.has(name) and not _URL.match(section.text(name, "")):
            section.error(f"{name} must be a URL such as https://id.example.org/…", name)
    if not read.configuration_url and not read.jwks_url:
        settings.error("oidc needs 'oidcConfigurationURL' or 'jwksURL'")
    return read
