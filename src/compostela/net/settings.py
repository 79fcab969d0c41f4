"""Elements that all line protocols share (bind, limits, TLS)."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Problems, Settings
from compostela.core.networks import parse_address, read_networks
from compostela.net.host_addresses import system_addresses
from compostela.net.proxy_protocol import ProxySettings
from compostela.net.tls.settings import TlsSettings, read_tls_settings

T = TypeVar("T")

ANY_ADDRESS, ANY_ADDRESS_6 = "0.0.0.0", "::"
MAX_BACKLOG = 2**31 - 1
"""More the system's call cannot say; the kernel has its own limit far below (net.core.somaxconn)."""
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class BindAddress:
    """Where to listen; port 0 takes any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "BindAddress":
        """`host:port` or `[v6]:port`. Raises `InvalidArgument`."""
        host, colon, port = text.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]") or ANY_ADDRESS
        is_name = _HOST_NAME.fullmatch(host) is not None
        if not colon or not _PORT.fullmatch(port) or int(port) > 65535 or not (is_name or parse_address(host)):
            raise InvalidArgument(f"{text!r} is not address:port")
        return cls(host, int(port))

    def is_kept_from(self, other: "BindAddress") -> bool:
        """Whether the system gives only one of the two: every address of a family includes each."""
        if self.port != other.port or (":" in self.host) != (":" in other.host):
            return False
        return self.host == other.host or not {ANY_ADDRESS, ANY_ADDRESS_6}.isdisjoint({self.host, other.host})

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One listening server."""

    name: str
    """Unique name, in logs and metrics."""
    bind: tuple[BindAddress, ...]
    """Addresses to listen on."""
    hello_name: str
    """What the server calls itself."""
    connection_timeout_seconds: float
    """Silence after which the server closes; infinite when the setting is 0."""
    backlog: int
    """Connections that wait to be accepted."""
    connection_limit: int
    """Connections at once, 0 for no limit."""
    connection_limit_per_ip: int
    """Connections at once from one address, 0 for no limit."""
    tls: TlsSettings
    graceful_shutdown: bool = True
    """Finish what is in flight at the end."""
    proxy: ProxySettings | None = None
    """Every connection comes through a load balancer that tells the client's address."""
    water_marks: tuple[int, int] | None = None
    """Octets of answers that a peer has not taken yet above which nothing more is done for it, and below which work goes on."""


_IGNORED = ("ioWorkerCount", "bossWorkerCount", "maxExecutorCount", "useEpoll", "enableJmx")


def read_server_settings(
    settings: Settings,
    *,
    default_name: str,
    default_port: int,
    default_timeout: float,
    autodetected_name: str,
    checks_connections: bool = False,
) -> ServerSettings:
    """Reads the common elements; the caller reads its own and finishes. Without `checks_connections` the protocol has
    handlers in the place of `additionalConnectionChecks`."""
    everywhere = f"{ANY_ADDRESS}:{default_port}"
    backlog = settings.integer("connectionBacklog", 200, minimum=0, maximum=MAX_BACKLOG)
    settings.ignored(*_IGNORED)
    if not checks_connections:
        settings.ignored("additionalConnectionChecks")
    timeout_name = "connectionTimeout" if settings.has("connectionTimeout") else "connectiontimeout"
    return ServerSettings(
        name=settings.text("jmxName", default_name),
        bind=_bind(settings, settings.strings("bind", [everywhere]) or [everywhere]),
        hello_name=_hello_name(settings, autodetected_name),
        connection_timeout_seconds=settings.duration(timeout_name, default_timeout) or math.inf,
        backlog=settings.integer("connectBacklog", backlog, minimum=0, maximum=MAX_BACKLOG),
        connection_limit=settings.integer("connectionLimit", 0, minimum=0),
        connection_limit_per_ip=settings.integer("connectionLimitPerIP", 0, minimum=0),
        tls=read_tls_settings(settings.section("tls"), settings.place),
        graceful_shutdown=settings.boolean("gracefulShutdown", True),
        proxy=_proxy(settings),
        water_marks=_water_marks(settings),
    )


def _bind(settings: Settings, texts: list[str]) -> tuple[BindAddress, ...]:
    found: list[BindAddress] = []
    for text in texts:
        try:
            found.append(BindAddress.parse(text))
        except InvalidArgument as wrong:
            settings.error(f"bind: {wrong}", "bind")
    return tuple(found)


def one_line(text: str) -> str:
    """A text for the wire: an element may be broken into lines, a reply must not be."""
    return " ".join(text.split())


def read_servers(
    settings: Settings, element: str, read: Callable[[Settings], T], server_of: Callable[[T], ServerSettings]
) -> list[T]:
    """Read all enabled servers of a file, whose root `settings` is. `element` is a server's element, `read` reads one, and
    `server_of` gives the part of its settings that all kinds of servers have."""
    found = []
    for server in settings.sections(element):
        enabled = server.boolean("enabled", True)
        one = read(server)
        if enabled:
            found.append(one)
    settings.finish()
    _warn_of_equal_names(map(server_of, found), settings.place, settings.problems)
    return found


def _warn_of_equal_names(servers: Iterable[ServerSettings], place: Place, problems: Problems) -> None:
    """Servers of one name cannot be told apart in metrics and logs."""
    names: set[str] = set()
    for server in servers:
        if server.name in names:
            problems.warning(place, f"several servers are called {server.name!r}: give each its own jmxName")
        names.add(server.name)


def check_ports(files: Iterable[tuple[Place, Iterable[ServerSettings]]], problems: Problems) -> None:
    """Two servers cannot have one port, which the system would say of the second only when the first has it."""
    taken: dict[BindAddress, str] = {}
    for place, servers in files:
        for server in servers:
            for bind in server.bind:
                if not bind.port:
                    continue
                other = next((name for known, name in taken.items() if bind.is_kept_from(known)), None)
                if other is not None:
                    problems.error(place, f"{bind} of the server {server.name!r} is taken by {other!r} already")
                taken.setdefault(bind, server.name)


def _water_marks(settings: Settings) -> tuple[int, int] | None:
    """The high and the low mark, in octets. If only one is given, both have its value, as in James."""
    high, low = settings.size("highWriteBufferWaterMark", 0), settings.size("lowWriteBufferWaterMark", 0)
    if not high and not low:
        return None
    high, low = high or low, low or high
    if high < low:
        settings.error("highWriteBufferWaterMark must not be below lowWriteBufferWaterMark", "highWriteBufferWaterMark")
        return None
    return high, low


def _proxy(settings: Settings) -> ProxySettings | None:
    required, first = settings.boolean("proxyRequired", False), settings.boolean("proxyFirst", True)
    read = ProxySettings(first, read_networks(settings, "proxyNetworks", system_addresses))
    return read if required else None


def _hello_name(settings: Settings, autodetected: str) -> str:
    """With `autodetect="true"` the machine's name; otherwise the body, and without one `localhost`."""
    section = settings.section("helloName")
    if section is None:
        return autodetected
    if section.boolean("autodetect", False):
        return autodetected
    if len(section.body.split()) > 1:
        section.error(f"helloName: {section.body!r} is not the name of a host")
    return section.body or "localhost"
