"""`managesieveserver.xml`."""

import socket
from dataclasses import dataclass

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.net.authentication.settings import AuthSettings, read_auth_settings
from compostela.net.ban_check import read_ban_check
from compostela.net.settings import ServerSettings, read_server_settings, read_servers

TIMEOUT_SECONDS = 1800.0
"""RFC 5804 §1.2 asks for half an hour at least after the login."""
BAN_CHECK = "CrowdsecManageSieveCheckHandler"
"""Our own name: James has no such check for ManageSieve."""
DEFAULT_AUTH = AuthSettings(("PLAIN",))


@dataclass(frozen=True, slots=True)
class ManageSieveSettings:
    """One ManageSieve server."""

    server: ServerSettings
    auth: AuthSettings = DEFAULT_AUTH
    ban_check: Place | None = None
    """Where the check of banned addresses is configured."""


def read_managesieve_settings(root: Node, problems: Problems) -> list[ManageSieveSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "managesieveserver", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> ManageSieveSettings:
    server = read_server_settings(
        settings,
        default_name="managesieveserver",
        default_port=4190,
        default_timeout=TIMEOUT_SECONDS,
        autodetected_name=socket.gethostname() or "localhost",
    )
    read = ManageSieveSettings(
        server,
        read_auth_settings(settings.section("auth"), DEFAULT_AUTH.mechanisms),
        read_ban_check(settings.section("handlerchain"), BAN_CHECK),
    )
    settings.ignored("maxmessagesize", "addressBracketsEnforcement")
    settings.finish()
    return read
