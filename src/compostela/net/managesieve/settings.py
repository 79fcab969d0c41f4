"""`managesieveserver.xml`."""

import socket
from dataclasses import dataclass

from compostela.base.settings import Node, Problems, Settings
from compostela.net.authentication.settings import AuthSettings, read_auth_settings
from compostela.net.settings import ServerSettings, read_server_settings, read_servers

TIMEOUT_SECONDS = 1800.0
"""RFC 5804 §1.2 asks for half an hour at least after the login."""
DEFAULT_AUTH = AuthSettings(("PLAIN",))


@dataclass(frozen=True, slots=True)
class ManageSieveSettings:
    """One ManageSieve server."""

    server: ServerSettings
    auth: AuthSettings = DEFAULT_AUTH


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
    read = ManageSieveSettings(server, read_auth_settings(settings.section("auth"), DEFAULT_AUTH.mechanisms))
    settings.ignored("maxmessagesize", "addressBracketsEnforcement")
    settings.finish()
    return read
