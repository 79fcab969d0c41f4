"""`smtpserver.xml`."""

import enum
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

from compostela.base.declarations import Boolean, Choice, Declaration, Integer, Parsed, Size, Text
from compostela.base.declared import Declared, Each, Group, read
from compostela.base.settings import Node, Problems, Settings
from compostela.core.networks import Network, Networks, too_large
from compostela.net.authentication.settings import AUTH, AuthSettings, read_auth_settings
from compostela.net.handler_chain import Handler, HandlerChain
from compostela.net.host_addresses import system_addresses
from compostela.net.settings import ServerSettings, one_line, read_servers, server_group


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
_OLD_PLACES = ("handler/authRequired", "handlerchain/authRequired", "authRequired")
_IDENTITY = {
    "true": VerifyIdentity.STRICT,
    "strict": VerifyIdentity.STRICT,
    "false": VerifyIdentity.DISABLED,
    "disabled": VerifyIdentity.DISABLED,
    "relaxed": VerifyIdentity.RELAXED,
}
DEFAULT_AUTH = AuthSettings(("LOGIN", "PLAIN"))
CORE_LOADER, NO_AUTH_LOADER = "CoreCmdHandlerLoader", "NoAuthCmdHandlerLoader"


class _Features(Declaration):
    """Keywords, in elements of their own or with commas."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        return "elements of any name"

    def read(self, settings: Settings, default: Any) -> object:
        words: list[str] = []
        for section in settings.sections(self.name.removesuffix("/*")):
            for one in (section, *section.children()):
                words += one.body.split(",")
            section.finish()
        return frozenset(word.strip().upper() for word in words if word.strip()) or default


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings(Declared):
    """What sessions of SMTP and LMTP have in common."""

    max_message_bytes: Annotated[int, Size("maxmessagesize", unit="K")] = 0
    """Largest message, 0 for no limit."""
    max_line_bytes: Annotated[int, Integer("maxLineLength", minimum=1000, maximum=1_048_576)] = 8192
    """Longest command line."""
    helo_enforced: Annotated[bool, Boolean("heloEhloEnforcement")] = True
    """MAIL needs HELO or EHLO before."""
    brackets_enforced: Annotated[bool, Boolean("addressBracketsEnforcement")] = True
    """Addresses must be in angle brackets."""
    greeting: Annotated[str, Parsed("smtpGreeting", one_line)] = ""
    """Text after 220."""
    disabled_features: Annotated[frozenset[str], _Features("disabledFeatures/*")] = frozenset()
    """EHLO keywords that are not shown, one an element, or with commas in `disabledFeatures` itself."""
    max_recipients: Annotated[int, Integer("maxRecipients", minimum=100)] = 1000
    """Recipients of one mail; more get 452."""
    max_mails: Annotated[int, Integer("maxMailsPerConnection", minimum=0)] = 0
    """Mails on one connection, 0 for any number; more get 452."""


@dataclass(frozen=True, slots=True)
class SmtpHandler(Handler):
    name: Annotated[str, Text("class")] = ""
    """An SMTP hook, see [processing](processing.md)."""


@dataclass(frozen=True, slots=True)
class SmtpHandlerChain(HandlerChain):
    """The `handlerchain` element of an SMTP server."""

    LOADERS = (CORE_LOADER, NO_AUTH_LOADER)

    package: Annotated[str, Text("coreHandlersPackage")] = ""
    """`NoAuthCmdHandlerLoader` takes AUTH away."""
    handlers: Annotated[tuple[SmtpHandler, ...], Each("handler", finish=False)] = ()

    def completed(self, settings: Settings) -> Self:
        # James's samples name the loader among the handlers too, where it changes nothing
        for one in self.handlers:
            if one.short_name == NO_AUTH_LOADER != self.loader:
                settings.problems.warning(
                    one.settings.place,
                    f"{NO_AUTH_LOADER} takes AUTH away only as the coreHandlersPackage of handlerchain",
                )
        return HandlerChain.completed(self, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings(SessionSettings):
    """One SMTP server."""

    WITHOUT_EFFECT = ("additionalConnectionChecks",)

    server: Annotated[ServerSettings, server_group("smtpserver", 25, 300.0)]
    chain: Annotated[SmtpHandlerChain, Group("handlerchain")] = SmtpHandlerChain()
    announce: Annotated[Announce, Choice("auth/announce", _ANNOUNCE)] = Announce.NEVER
    """When AUTH is advertised."""
    old_announce: Annotated[Announce, Choice(_OLD_PLACES[0], _OLD_ANNOUNCE, older=_OLD_PLACES[1:])] = Announce.NEVER
    """When AUTH is advertised, without `auth/announce`. With `false`, and without the element `auth`, there is no AUTH."""
    auth_enabled: bool = True
    """False with the handlers' package without AUTH, and with `authRequired` false and no `auth`."""
    auth_required: Annotated[bool, Boolean("auth/required")] = False
    """Refuse MAIL from clients that have neither authenticated nor an authorised address."""
    auth: Annotated[AuthSettings, AUTH] = DEFAULT_AUTH
    authorized_networks: Annotated[tuple[Network, ...], Networks("authorizedAddresses", system_addresses)] = ()
    """Addresses, networks and host names that may relay without a login."""
    verify_identity: Annotated[VerifyIdentity, Choice("verifyIdentity", _IDENTITY)] = VerifyIdentity.STRICT
    """Whether a sender must be the user's own address."""

    @property
    def handlers(self) -> tuple[Settings, ...]:
        """The configured `<handler>` elements in order."""
        return tuple(one.settings for one in self.chain.handlers)

    def announces_auth(self, authorized: bool) -> bool:
        """Whether a client is offered AUTH; `authorized` if it may relay by its address."""
        match self.announce:
            case Announce.ALWAYS:
                return self.auth_enabled
            case Announce.UNAUTHORIZED:
                return self.auth_enabled and not authorized
            case Announce.NEVER:
                return False

    def completed(self, settings: Settings) -> Self:
        self._check_authorized(settings)
        announce = self.announce if settings.has("auth/announce") else self.old_announce
        without_auth = announce is Announce.NEVER and not settings.has("auth") and any(map(settings.has, _OLD_PLACES))
        is_without_logins = self.chain.loader == NO_AUTH_LOADER
        if self.auth_required and is_without_logins:
            settings.problems.warning(
                settings.place_of("auth/required"),
                f"required has no effect with {NO_AUTH_LOADER}, which has no logins",
            )
        return replace(
            self,
            announce=announce,
            auth_enabled=not is_without_logins and not without_auth,
            auth_required=self.auth_required and not is_without_logins,
        )

    def _check_authorized(self, settings: Settings) -> None:
        place, proxy = settings.place_of("authorizedAddresses"), self.server.proxy
        for one in too_large(self.authorized_networks):
            settings.problems.warning(
                place, f"authorizedAddresses: every client in {one} may send to anybody: this is an open relay"
            )
        if self.authorized_networks and proxy is not None and proxy.networks is None:
            settings.problems.warning(
                place,
                "authorizedAddresses: without proxyNetworks any client can claim one of these addresses, and send to anybody",
            )


def read_smtp_settings(root: Node, problems: Problems) -> list[SmtpSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "smtpserver", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> SmtpSettings:
    auth = read_auth_settings(settings.section("auth"), DEFAULT_AUTH.mechanisms, with_login=True)
    made = read(SmtpSettings, settings, auth=auth)
    settings.finish()
    return made
