"""`webadmin.properties`."""

from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Many, Port, Text
from compostela.base.declared import Declared, Reader
from compostela.base.settings import Settings
from compostela.core.networks import parse_address
from compostela.web.webadmin.route_group import RouteGroupFactory, own_route_group


@dataclass(frozen=True, slots=True)
class WebAdminSettings(Declared):
    """Where the administration API listens and its passwords."""

    WITHOUT_EFFECT = (
        "https.keystore", "https.password", "https.trust.keystore", "https.trust.password", "jwt.publickeypem.url",
        "maxThreadCount", "minThreadCount",
    )  # fmt: skip

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
    https: Annotated[bool, Boolean("https.enabled", older=("https.enable",))] = False
    """HTTPS. Not yet in effect."""
    jwt: Annotated[bool, Boolean("jwt.enabled", older=("jwt.enable",))] = False
    """JSON web tokens. Must not be turned on yet."""
    own_routes: Annotated[tuple[RouteGroupFactory, ...], Many("extensions.routes", own_route_group)] = ()
    """Groups of routes of one's own, by dotted path or entry point, after the packaged ones."""

    @property
    def needs_password(self) -> bool:
        """Whether a request needs a secret."""
        return bool(self.passwords or self.passwords_readonly or self.passwords_nodelete or self.generate_password)

    def completed(self, settings: Settings) -> Self:
        if self.https:
            settings.not_yet("https.enabled", "https.enable")
        if self.jwt:
            name = "jwt.enabled" if settings.has("jwt.enabled") else "jwt.enable"
            settings.error("JWT authentication is not available yet: remove the key, or set it to false", name)
        if self.enabled and not self.needs_password and not _is_own_machine(self.host):
            text = f"other machines reach WebAdmin ({self.host}), and it asks for no password: set one, or 'host = 127.0.0.1'"
            settings.problems.warning(settings.place_of("password.generate"), text)
        return self


read_webadmin_settings = Reader(WebAdminSettings)


def _is_own_machine(host: str) -> bool:
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
