"""`pop3server.xml`."""

import socket
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Integer, Parsed
from compostela.base.declared import read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.net.authentication.settings import AuthSettings, read_auth_settings
from compostela.net.ban_check import read_ban_check
from compostela.net.settings import ServerSettings, read_server_settings, read_servers
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
class Pop3Settings:
    """One POP3 server."""

    server: ServerSettings
    auth: AuthSettings = DEFAULT_AUTH
    expire: Annotated[str, Parsed("expire", _expire, "`NEVER` or a number of days")] = ""
    """What CAPA tells about how long messages are kept (RFC 2449 §6.7): `NEVER`, or days. The server itself removes nothing: say what
    your own rules do. Without it CAPA tells nothing."""
    login_delay_seconds: Annotated[int, Integer("loginDelay", minimum=0, maximum=86_400)] = 0
    """Seconds between two logins of a user (RFC 2449 §6.5); an earlier one is refused. 0 for none."""
    ban_check: Place | None = None
    """Where the check of banned addresses is configured."""

    def takes_passwords(self, *, tls: bool) -> bool:
        """Whether USER and PASS may be used. As in James, `plainAuthEnabled` does not take them away."""
        return tls or not self.auth.require_ssl


def read_pop3_settings(root: Node, problems: Problems) -> list[Pop3Settings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "pop3server", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> Pop3Settings:
    server = read_server_settings(
        settings,
        default_name="pop3server",
        default_port=110,
        default_timeout=TIMEOUT_SECONDS,
        autodetected_name=socket.gethostname() or "localhost",
    )
    if server.connection_timeout_seconds < TIMEOUT_SECONDS:
        settings.problems.warning(
            settings.place, f"connectiontimeout is below {TIMEOUT_SECONDS:.0f} s, the least that RFC 1939 allows"
        )
    made = read(
        Pop3Settings,
        settings,
        server=server,
        auth=read_auth_settings(settings.section("auth"), DEFAULT_AUTH.mechanisms),
        ban_check=read_ban_check(settings.section("handlerchain"), BAN_CHECK, (CORE_LOADER,)),
    )
    settings.finish()
    return made
