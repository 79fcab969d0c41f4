"""`webadmin.properties`."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declared import Boolean, Many, Port, Text, read
from compostela.base.settings import Settings
from compostela.core.networks import parse_address
from compostela.web.webadmin.route_group import RouteGroupFactory, own_route_group


@dataclass(frozen=True, slots=True)
class WebAdminSettings:
    """Where the administration API listens and its passwords."""

    enabled: Annotated[bool, Boolean("enabled")] = False
    """Start the HTTP server."""
    host: Annotated[str, Text("host")] = "localhost"
    """Listening address; `0.0.0.0` for all."""
    port: Annotated[int, Port("port")] = 8080
    """TCP port."""
    passwords: Annotated[tuple[str, ...], Many("password")] = ()
    """Secrets with full access."""
    passwords_readonly: Annotated[tuple[str, ...], Many("password.readonly")] = ()
    """Secrets that may GET and HEAD."""
    passwords_nodelete: Annotated[tuple[str, ...], Many("password.nodelete")] = ()
    """Secrets that may do everything but DELETE."""
    generate_password: Annotated[bool, Boolean("password.generate")] = True
    """Without any password, make one at each start. When false, and no password is set, the API needs none."""
    cors_enabled: Annotated[bool, Boolean("cors.enable")] = False
    """Answer with CORS headers."""
    cors_origin: Annotated[str, Text("cors.origin")] = "*"
    """Value of Access-Control-Allow-Origin."""
    own_routes: Annotated[tuple[RouteGroupFactory, ...], Many("extensions.routes", own_route_group)] = ()
    """Groups of routes of one's own, by dotted path or entry point, after the packaged ones."""

    @property
    def needs_password(self) -> bool:
        """Whether a request needs a secret."""
        return bool(self.passwords or self.passwords_readonly or self.passwords_nodelete or self.generate_password)


def read_webadmin_settings(settings: Settings) -> WebAdminSettings:
    """Reads the whole file; HTTPS and JWT are not yet in effect."""
    made = read(WebAdminSettings, settings)
    for name in ("https.enabled", "https.enable"):
        if settings.boolean(name, False):
            settings.not_yet(name)
    settings.ignored(
        "https.keystore", "https.password", "https.trust.keystore", "https.trust.password", "jwt.publickeypem.url"
    )
    for name in ("jwt.enabled", "jwt.enable"):
        if settings.boolean(name, False):
            settings.error("JWT authentication is not available yet: remove the key, or set it to false", name)
    settings.ignored("maxThreadCount", "minThreadCount")
    if made.enabled and not made.needs_password and not _is_own_machine(made.host):
        text = (
            f"other machines reach WebAdmin ({made.host}), and it asks for no password: set one, or 'host = 127.0.0.1'"
        )
        settings.problems.warning(settings.place_of("password.generate"), text)
    settings.finish()
    return made


def _is_own_machine(host: str) -> bool:
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
