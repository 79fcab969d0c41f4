"""`pop3server.xml`."""

from dataclasses import dataclass, field
from typing import Annotated, Self

from compostela.base.declarations import Integer, Parsed, Text
from compostela.base.declared import Declared, Each, Group, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.net.authentication.settings import AUTH, AuthSettings, read_auth_settings
from compostela.net.ban_check import BanCheckChain
from compostela.net.handler_chain import Handler
from compostela.net.settings import ServerSettings, read_servers, server_group
from compostela.net.smtp.settings import CORE_LOADER

TIMEOUT_SECONDS = 600.0
"""RFC 1939 §3 forbids a shorter one."""
BAN_CHECK = "CrowdsecPOP3CheckHandler"
NEVER = "NEVER"
DEFAULT_AUTH = AuthSettings(("PLAIN",))


def _expire(text: str) -> str:
    if text.upper() == NEVER:
        return NEVER
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 36_500):
        raise InvalidArgument(f"{text!r} is neither NEVER nor a number of days from 1")
    return str(int(text))


@dataclass(frozen=True, slots=True)
class Pop3Handler(Handler):
    name: Annotated[str, Text("class", required=True)] = ""
    """`CrowdsecPOP3CheckHandler`: an address that CrowdSec bans is turned away. `CoreCmdHandlerLoader` changes nothing."""


@dataclass(frozen=True, slots=True)
class Pop3HandlerChain(BanCheckChain):
    """The `handlerchain` element of a POP3 server."""

    LOADERS = (CORE_LOADER,)
    CHECK = BAN_CHECK

    package: Annotated[str, Text("coreHandlersPackage")] = ""
    """`CoreCmdHandlerLoader`, which changes nothing: the commands are always there."""
    handlers: Annotated[tuple[Pop3Handler, ...], Each("handler")] = ()


@dataclass(frozen=True, slots=True)
class Pop3Settings(Declared):
    """One POP3 server."""

    WITHOUT_EFFECT = ("additionalConnectionChecks",)

    server: Annotated[ServerSettings, server_group("pop3server", 110, TIMEOUT_SECONDS)]
    auth: Annotated[AuthSettings, AUTH] = DEFAULT_AUTH
    chain: Annotated[Pop3HandlerChain, Group("handlerchain")] = field(default_factory=Pop3HandlerChain)
    expire: Annotated[str, Parsed("expire", _expire, "`NEVER` or a number of days")] = ""
    """What CAPA tells about how long messages are kept (RFC 2449 §6.7): `NEVER`, or days. The server itself removes nothing: say what
    your own rules do. Without it CAPA tells nothing."""
    login_delay_seconds: Annotated[int, Integer("loginDelay", minimum=0, maximum=86_400)] = 0
    """Seconds between two logins of a user (RFC 2449 §6.5); an earlier one is refused. 0 for none."""

    @property
    def ban_check(self) -> Place | None:
        """Where the check of banned addresses is configured."""
        return self.chain.ban_check

    def takes_passwords(self, *, tls: bool) -> bool:
        """Whether USER and PASS may be used. As in James, `plainAuthEnabled` does not take them away."""
        return tls or not self.auth.require_ssl

    def completed(self, settings: Settings) -> Self:
        if self.server.connection_timeout_seconds < TIMEOUT_SECONDS:
            settings.problems.warning(
                settings.place, f"connectiontimeout is below {TIMEOUT_SECONDS:.0f} s, the least that RFC 1939 allows"
            )
        return self


def read_pop3_settings(root: Node, problems: Problems) -> list[Pop3Settings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "pop3server", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> Pop3Settings:
    auth = read_auth_settings(settings.section("auth"), DEFAULT_AUTH.mechanisms)
    made = read(Pop3Settings, settings, auth=auth)
    settings.finish()
    return made
