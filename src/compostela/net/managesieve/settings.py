"""`managesieveserver.xml`."""

from dataclasses import dataclass, field
from typing import Annotated

from compostela.base.declarations import Text
from compostela.base.declared import Declared, Each, Group, read
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.net.authentication.settings import AUTH, AuthSettings, read_auth_settings
from compostela.net.ban_check import BanCheckChain
from compostela.net.handler_chain import Handler
from compostela.net.settings import ServerSettings, read_servers, server_group

TIMEOUT_SECONDS = 1800.0
"""RFC 5804 §1.2 asks for half an hour at least after the login."""
BAN_CHECK = "CrowdsecManageSieveCheckHandler"
"""Our own name: James has no such check for ManageSieve."""
DEFAULT_AUTH = AuthSettings(("PLAIN",))


@dataclass(frozen=True, slots=True)
class ManageSieveHandler(Handler):
    name: Annotated[str, Text("class", required=True)] = ""
    """`CrowdsecManageSieveCheckHandler`: an address that CrowdSec bans is turned away."""


@dataclass(frozen=True, slots=True)
class ManageSieveHandlerChain(BanCheckChain):
    """The `handlerchain` element of a ManageSieve server."""

    CHECK = BAN_CHECK

    package: Annotated[str, Text("coreHandlersPackage")] = ""
    """No name is known: the commands are always there."""
    handlers: Annotated[tuple[ManageSieveHandler, ...], Each("handler")] = ()


@dataclass(frozen=True, slots=True)
class ManageSieveSettings(Declared):
    """One ManageSieve server."""

    WITHOUT_EFFECT = ("additionalConnectionChecks", "maxmessagesize", "addressBracketsEnforcement")

    server: Annotated[ServerSettings, server_group("managesieveserver", 4190, TIMEOUT_SECONDS)]
    auth: Annotated[AuthSettings, AUTH] = DEFAULT_AUTH
    chain: Annotated[ManageSieveHandlerChain, Group("handlerchain")] = field(default_factory=ManageSieveHandlerChain)

    @property
    def ban_check(self) -> Place | None:
        """Where the check of banned addresses is configured."""
        return self.chain.ban_check


def read_managesieve_settings(root: Node, problems: Problems) -> list[ManageSieveSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "managesieveserver", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> ManageSieveSettings:
    auth = read_auth_settings(settings.section("auth"), DEFAULT_AUTH.mechanisms)
    made = read(ManageSieveSettings, settings, auth=auth)
    settings.finish()
    return made
