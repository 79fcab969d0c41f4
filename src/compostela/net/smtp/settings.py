"""`smtpserver.xml`."""

import enum
import socket
from dataclasses import dataclass

from compostela.base.settings import Node, Problems, Settings, nearest
from compostela.core.networks import Network, read_networks, too_large
from compostela.net.authentication.settings import AuthSettings, read_auth_settings
from compostela.net.host_addresses import system_addresses
from compostela.net.settings import ServerSettings, one_line, read_server_settings, read_servers


class Announce(enum.Enum):
    """When AUTH is shown in the reply to EHLO."""

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
CORE_LOADER, NO_AUTH_LOADER = "CoreCmdHandlerLoader", "NoAuthCmdHandlerLoader"


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """One SMTP server."""

    server: ServerSettings
    announce: Announce = Announce.NEVER
    """When AUTH is advertised."""
    auth_enabled: bool = True
    """False with the handlers' package without AUTH, and with `authRequired` false and no `auth`."""
    auth_required: bool = False
    """Refuse MAIL from clients that have neither authenticated nor an authorised address."""
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
    """Addresses must be in angle brackets."""
    greeting: str = ""
    """Text after 220."""
    disabled_features: frozenset[str] = frozenset()
    """EHLO keywords that are not shown."""
    max_recipients: int = 1000
    """Recipients of one mail; more get 452."""
    max_mails: int = 0
    """Mails on one connection, 0 for any number; more get 452."""
    handlers: tuple[Settings, ...] = ()
    """The configured `<handler>` elements in order."""

    def announces_auth(self, authorized: bool) -> bool:
        """Whether a client is offered AUTH; `authorized` if it may relay by its address."""
        match self.announce:
            case Announce.ALWAYS:
                return self.auth_enabled
            case Announce.UNAUTHORIZED:
                return self.auth_enabled and not authorized
            case Announce.NEVER:
                return False


def read_smtp_settings(root: Node, problems: Problems) -> list[SmtpSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "smtpserver", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> SmtpSettings:
    server = read_server_settings(
        settings,
        default_name="smtpserver",
        default_port=25,
        default_timeout=300.0,
        autodetected_name=socket.gethostname() or "localhost",
    )
    chain = settings.section("handlerchain")
    loader, handlers = read_handler_chain(chain, (CORE_LOADER, NO_AUTH_LOADER))
    places = [section for section in (settings, chain, settings.section("handler")) if section]
    old = Announce.NEVER
    for place in places:
        old = place.choice("authRequired", old, _OLD_ANNOUNCE)
    auth = settings.section("auth")
    announce = auth.choice("announce", old, _ANNOUNCE) if auth else old
    without_auth = auth is None and announce is Announce.NEVER and any(place.has("authRequired") for place in places)
    if chain is not None:
        _warn_of_loaders(chain, loader, handlers)
    required = auth.boolean("required", False) if auth else False
    if auth is not None and required and loader == NO_AUTH_LOADER:
        auth.problems.warning(
            auth.place_of("required"), f"required has no effect with {NO_AUTH_LOADER}, which has no logins"
        )
    read = SmtpSettings(
        server=server,
        announce=announce,
        auth_enabled=loader != NO_AUTH_LOADER and not without_auth,
        auth_required=required and loader != NO_AUTH_LOADER,
        auth=read_auth_settings(auth, DEFAULT_AUTH.mechanisms, with_login=True),
        authorized_networks=_authorized(settings, server),
        verify_identity=settings.choice("verifyIdentity", VerifyIdentity.STRICT, _IDENTITY),
        max_message_bytes=settings.size("maxmessagesize", 0, unit="K"),
        max_line_bytes=settings.integer("maxLineLength", 8192, minimum=1000, maximum=1_048_576),
        helo_enforced=settings.boolean("heloEhloEnforcement", True),
        brackets_enforced=settings.boolean("addressBracketsEnforcement", True),
        greeting=one_line(settings.text("smtpGreeting", "")),
        disabled_features=read_disabled_features(settings),
        max_recipients=settings.integer("maxRecipients", 1000, minimum=100),
        max_mails=settings.integer("maxMailsPerConnection", 0, minimum=0),
        handlers=handlers,
    )
    settings.finish()
    return read


def _authorized(settings: Settings, server: ServerSettings) -> tuple[Network, ...]:
    networks, place = (
        read_networks(settings, "authorizedAddresses", system_addresses),
        settings.place_of("authorizedAddresses"),
    )
    for one in too_large(networks):
        settings.problems.warning(
            place, f"authorizedAddresses: every client in {one} may send to anybody: this is an open relay"
        )
    if networks and server.proxy is not None and not server.proxy.networks:
        settings.problems.warning(
            place,
            "authorizedAddresses: without proxyNetworks any client can claim one of these addresses, and send to anybody",
        )
    return networks


def read_disabled_features(settings: Settings) -> frozenset[str]:
    """Keywords, in elements of their own or with commas."""
    words: list[str] = []
    for section in settings.sections("disabledFeatures"):
        for one in (section, *section.children()):
            words += one.body.split(",")
        section.finish()
    return frozenset(word.strip().upper() for word in words if word.strip())


def _warn_of_loaders(chain: Settings, loader: str, handlers: tuple[Settings, ...]) -> None:
    """James's samples name the loader among the handlers too, where it changes nothing."""
    for handler in handlers:
        if handler.text("class", "").rpartition(".")[2] == NO_AUTH_LOADER != loader:
            chain.problems.warning(
                handler.place, f"{NO_AUTH_LOADER} takes AUTH away only as the coreHandlersPackage of handlerchain"
            )


def read_handler_chain(chain: Settings | None, loaders: tuple[str, ...]) -> tuple[str, tuple[Settings, ...]]:
    """The loader of the core handlers by its short name, one of those that there are, and the configured handlers in order."""
    if chain is None:
        return "", ()
    chain.ignored("enableJmx", "jmxHandlersPackage")
    name = chain.text("coreHandlersPackage", "")
    loader = name.rpartition(".")[2]
    if loader not in ("", *loaders):
        chain.error(f"there is no {name!r} here{nearest(loader, loaders)}")
    return loader, tuple(chain.sections("handler"))
