"""`smtpserver.xml`."""

import enum
import socket
from dataclasses import dataclass

from compostela.base.settings import Node, Problems, Settings
from compostela.net.authentication.settings import AuthSettings, read_auth_settings
from compostela.net.networks import Network, read_networks
from compostela.net.settings import ServerSettings, read_server_settings, warn_of_equal_names


class Announce(enum.Enum):
    """Who sees AUTH in the answer to EHLO."""

    NEVER = "never"
    ALWAYS = "always"
    UNAUTHORIZED = "forUnauthorizedAddresses"


class VerifyIdentity(enum.Enum):
    """How far the sender must be the authenticated user."""

    STRICT = "strict"
    RELAXED = "relaxed"
    DISABLED = "disabled"


_ANNOUNCE = {announce.value: announce for announce in Announce}
_OLD_ANNOUNCE = {"true": Announce.UNAUTHORIZED, "announce": Announce.ALWAYS, "false": Announce.NEVER}
_IDENTITY = {
    "true": VerifyIdentity.STRICT,
    "strict": VerifyIdentity.STRICT,
    "false": VerifyIdentity.DISABLED,
    "disabled": VerifyIdentity.DISABLED,
    "relaxed": VerifyIdentity.RELAXED,
}
DEFAULT_AUTH = AuthSettings(("LOGIN", "PLAIN"))
NO_AUTH_LOADER = "NoAuthCmdHandlerLoader"


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """One SMTP server."""

    server: ServerSettings
    announce: Announce = Announce.NEVER
    """Who is told of AUTH."""
    auth_enabled: bool = True
    """False with the handlers' package without AUTH, and with `authRequired` false and no `auth`."""
    auth_required: bool = False
    """Refuse MAIL from whoever has neither authenticated nor an authorised address."""
    auth: AuthSettings = DEFAULT_AUTH
    authorized_networks: tuple[Network, ...] = ()
    """Addresses that may relay without a login."""
    verify_identity: VerifyIdentity = VerifyIdentity.STRICT
    """Whether a sender must be the user's own address."""
    max_message_bytes: int = 0
    """Largest message, 0 for no limit."""
    max_line_bytes: int = 8192
    """Longest command line."""
    helo_enforced: bool = True
    """MAIL needs HELO or EHLO before."""
    brackets_enforced: bool = True
    """Addresses stand in angle brackets."""
    greeting: str = ""
    """Text behind 220."""
    disabled_features: frozenset[str] = frozenset()
    """EHLO keywords that are not shown."""
    max_recipients: int = 1000
    """Recipients of one mail; more get 452."""
    max_mails: int = 0
    """Mails on one connection, 0 for any number; more get 452."""
    handlers: tuple[Settings, ...] = ()
    """The configured `<handler>` elements in order."""


def read_smtp_settings(root: Node, problems: Problems) -> list[SmtpSettings]:
    """All enabled servers of a file."""
    settings = Settings(root, problems)
    found = []
    for server in settings.sections("smtpserver"):
        enabled = server.boolean("enabled", True)
        read = _read_server(server)
        if enabled:
            found.append(read)
    settings.finish()
    warn_of_equal_names((one.server for one in found), settings.place, problems)
    return found


def _read_server(settings: Settings) -> SmtpSettings:
    server = read_server_settings(
        settings,
        default_name="smtpserver",
        default_port=25,
        default_timeout=300.0,
        autodetected_name=socket.gethostname() or "localhost",
    )
    old = settings.choice("authRequired", Announce.NEVER, _OLD_ANNOUNCE)
    auth = settings.section("auth")
    announce = auth.choice("announce", old, _ANNOUNCE) if auth else old
    chain = settings.section("handlerchain")
    loader, handlers = read_handler_chain(chain)
    places = [section for section in (settings, chain, settings.section("handler")) if section]
    for nested in places[1:]:
        if nested.has("authRequired"):
            announce = nested.choice("authRequired", announce, _OLD_ANNOUNCE)
    without_auth = auth is None and announce is Announce.NEVER and any(place.has("authRequired") for place in places)
    read = SmtpSettings(
        server=server,
        announce=announce,
        auth_enabled=not loader.endswith(NO_AUTH_LOADER) and not without_auth,
        auth_required=auth.boolean("required", False) if auth else False,
        auth=read_auth_settings(auth, DEFAULT_AUTH.mechanisms, with_login=True),
        authorized_networks=read_networks(settings, "authorizedAddresses"),
        verify_identity=settings.choice("verifyIdentity", VerifyIdentity.STRICT, _IDENTITY),
        max_message_bytes=settings.size("maxmessagesize", 0, unit="K"),
        max_line_bytes=settings.integer("maxLineLength", 8192, minimum=1000, maximum=1_048_576),
        helo_enforced=settings.boolean("heloEhloEnforcement", True),
        brackets_enforced=settings.boolean("addressBracketsEnforcement", True),
        greeting=settings.text("smtpGreeting", ""),
        disabled_features=_disabled(settings),
        max_recipients=settings.integer("maxRecipients", 1000, minimum=100),
        max_mails=settings.integer("maxMailsPerConnection", 0, minimum=0),
        handlers=handlers,
    )
    settings.finish()
    return read


def _disabled(settings: Settings) -> frozenset[str]:
    section = settings.section("disabledFeatures")
    return frozenset(child.node.text.upper() for child in section.children()) if section else frozenset()


def read_handler_chain(chain: Settings | None) -> tuple[str, tuple[Settings, ...]]:
    """The loader of the core handlers, and the configured handlers in order."""
    if chain is None:
        return "", ()
    chain.ignored("enableJmx", "jmxHandlersPackage")
    loader = chain.text("coreHandlersPackage", "")
    return loader, tuple(chain.sections("handler"))
