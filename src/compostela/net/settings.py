"""Elements that all line protocols share (bind, limits, TLS)."""

import math
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Self, TypeVar

from compostela.base.declarations import Boolean, Declaration, Duration, Integer, Many, Size, Text
from compostela.base.declared import Declared, Group
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Problems, Settings
from compostela.core.networks import parse_address
from compostela.net.proxy_protocol import ProxySettings
from compostela.net.tls.settings import TlsSettings

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


def own_host_name() -> str:
    return socket.gethostname() or "localhost"


class _HelloName(Declaration):
    """With `autodetect="true"` the machine's name; otherwise the text of the element that holds it, and without one `localhost`."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        return "true or false"

    def read(self, settings: Settings, default: Any) -> object:
        section = settings.section("helloName")
        if section is None or section.boolean("autodetect", False):
            return default
        if len(section.body.split()) > 1:
            section.error(f"helloName: {section.body!r} is not the name of a host")
        return section.body or "localhost"

    def shown(self, default: object) -> object:  # noqa: ARG002 - of the switch
        return False


class _TimeOut(Duration):
    """0 for none."""

    __slots__ = ()

    def read(self, settings: Settings, default: Any) -> object:
        return super().read(settings, default) or math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings(Declared):
    """One listening server."""

    WITHOUT_EFFECT = ("ioWorkerCount", "bossWorkerCount", "maxExecutorCount", "useEpoll", "enableJmx")

    enabled: Annotated[bool, Boolean("enabled")] = True
    """Start this server."""
    name: Annotated[str, Text("jmxName")]
    """Unique name, in logs and metrics."""
    bind: Annotated[tuple[BindAddress, ...], Many("bind", BindAddress.parse)]
    """Addresses to listen on."""
    hello_name: Annotated[str, _HelloName("helloName/autodetect")] = field(default_factory=own_host_name)
    """What the server calls itself: with true the machine's name, otherwise the text of `helloName`. Without the element it is the
    machine's name."""
    connection_timeout_seconds: Annotated[float, _TimeOut("connectiontimeout", older=("connectionTimeout",))]
    """Silence after which the server closes; 0 for none."""
    backlog: Annotated[int, Integer("connectBacklog", minimum=0, maximum=MAX_BACKLOG, older=("connectionBacklog",))] = (
        200
    )
    """Connections that wait to be accepted."""
    connection_limit: Annotated[int, Integer("connectionLimit", minimum=0)] = 0
    """Connections at once, 0 for no limit."""
    connection_limit_per_ip: Annotated[int, Integer("connectionLimitPerIP", minimum=0)] = 0
    """Connections at once from one address, 0 for no limit."""
    tls: Annotated[TlsSettings, Group("tls")]
    graceful_shutdown: Annotated[bool, Boolean("gracefulShutdown")] = True
    """Finish what is in flight at the end."""
    proxy: Annotated[ProxySettings | None, Group(when="required", defaults={"required": False})] = None
    """Every connection comes through a load balancer that tells the client's address."""
    high_water_mark: Annotated[int, Size("highWriteBufferWaterMark")] = 0
    """Answers that a peer has not taken yet, above which it must wait; 0 for the library's choice."""
    low_water_mark: Annotated[int, Size("lowWriteBufferWaterMark")] = 0
    """Below so much of them work goes on. Given alone, one sets both."""

    @property
    def water_marks(self) -> tuple[int, int] | None:
        """Octets of answers that a peer has not taken yet above which nothing more is done for it, and below which work goes on. If only
        one is given, both have its value, as in James."""
        high, low = self.high_water_mark, self.low_water_mark
        return (high or low, low or high) if high or low else None

    def completed(self, settings: Settings) -> Self:
        if 0 < self.high_water_mark < self.low_water_mark:
            text = "highWriteBufferWaterMark must not be below lowWriteBufferWaterMark"
            settings.error(text, "highWriteBufferWaterMark")
        return self


def server_group(name: str, port: int, timeout_seconds: float) -> Group:
    """The elements that all servers have, with the defaults of a protocol."""
    everywhere = BindAddress(ANY_ADDRESS, port)
    return Group(defaults={"name": name, "bind": (everywhere,), "connection_timeout_seconds": timeout_seconds})


def one_line(text: str) -> str:
    """A text for the wire: an element may be broken into lines, a reply must not be."""
    return " ".join(text.split())


def read_servers(
    settings: Settings, element: str, read: Callable[[Settings], T], server_of: Callable[[T], ServerSettings]
) -> list[T]:
    """Read all enabled servers of a file, whose root `settings` is. `element` is a server's element, `read` reads one, and
    `server_of` gives the part of its settings that all kinds of servers have."""
    found = [read(server) for server in settings.sections(element)]
    settings.finish()
    enabled = [one for one in found if server_of(one).enabled]
    _warn_of_equal_names(map(server_of, enabled), settings.place, settings.problems)
    return enabled


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
