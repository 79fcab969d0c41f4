"""`webadmin.properties`."""

from dataclasses import dataclass

from compostela.base.settings import Settings
from compostela.core.networks import parse_address


@dataclass(frozen=True, slots=True)
class WebAdminSettings:
    """Where the administration API listens and its passwords."""

    enabled: bool = False
    """Start the HTTP server."""
    host: str = "localhost"
    """Listening address; `0.0.0.0` for all."""
    port: int = 8080
    """TCP port."""
    passwords: tuple[str, ...] = ()
    """Secrets with full access."""
    passwords_readonly: tuple[str, ...] = ()
    """Secrets that may GET and HEAD."""
    passwords_nodelete: tuple[str, ...] = ()
    """Secrets that may do everything but DELETE."""
    generate_password: bool = True
    """Without any password, make one at each start. When false, and no password is set, the API needs none."""
    cors_enabled: bool = False
    """Answer with CORS headers."""
    cors_origin: str = "*"
    """Value of Access-Control-Allow-Origin."""

    @property
    def needs_password(self) -> bool:
        """Whether a request needs a secret."""
        return bool(self.passwords or self.passwords_readonly or self.passwords_nodelete or self.generate_password)


DEFAULTS = WebAdminSettings()


def read_webadmin_settings(settings: Settings) -> WebAdminSettings:
    """Reads the whole file; HTTPS and JWT are not yet in effect."""
    read = WebAdminSettings(
        enabled=settings.boolean("enabled", DEFAULTS.enabled),
        host=settings.text("host", DEFAULTS.host),
        port=settings.integer("port", DEFAULTS.port, minimum=0, maximum=65535),
        passwords=tuple(settings.strings("password")),
        passwords_readonly=tuple(settings.strings("password.readonly")),
        passwords_nodelete=tuple(settings.strings("password.nodelete")),
        generate_password=settings.boolean("password.generate", DEFAULTS.generate_password),
        cors_enabled=settings.boolean("cors.enable", DEFAULTS.cors_enabled),
        cors_origin=settings.text("cors.origin", DEFAULTS.cors_origin),
    )
    for name in ("https.enabled", "https.enable"):
        if settings.boolean(name, False):
            settings.not_yet(name)
    settings.ignored(
        "https.keystore", "https.password", "https.trust.keystore", "https.trust.password", "jwt.publickeypem.url"
    )
    for name in ("jwt.enabled", "jwt.enable"):
        if settings.boolean(name, False):
            settings.error("JWT authentication is not available yet: remove the key, or set it to false", name)
    settings.not_yet("extensions.routes")
    settings.ignored("maxThreadCount", "minThreadCount")
    if read.enabled and not read.needs_password and not _is_own_machine(read.host):
        text = (
            f"other machines reach WebAdmin ({read.host}), and it asks for no password: set one, or 'host = 127.0.0.1'"
        )
        settings.problems.warning(settings.place_of("password.generate"), text)
    settings.finish()
    return read


def _is_own_machine(host: str) -> bool:
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
