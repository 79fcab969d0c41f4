"""`redis.properties`, by James's names."""

import enum
from dataclasses import dataclass, replace
from typing import Annotated, Self
from urllib.parse import parse_qs, unquote, urlsplit

from compostela.base.declarations import Boolean, Choice, Duration, Parsed, Text
from compostela.base.declared import Declared, Reader
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379


class Topology(enum.Enum):
    STANDALONE = "standalone"
    CLUSTER = "cluster"
    MASTER_REPLICA = "master-replica"
    SENTINEL = "sentinel"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """What a `redisURL` names: servers with one set of credentials."""

    servers: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = None
    database: int = 0
    is_encrypted: bool = False
    sentinel_master: str | None = None
    """The name of the master that sentinels are asked for."""

    def __str__(self) -> str:
        """The servers, without the password."""
        return ",".join(f"{host}:{port}" for host, port in self.servers)


LOCAL = RedisAddress((("localhost", DEFAULT_PORT),))


def parse_redis_url(text: str) -> RedisAddress:
    """Raises `InvalidArgument`, without the text: it may hold a password."""
    scheme, separator, rest = text.strip().partition("://")
    if not separator or scheme not in ("redis", "rediss", "redis-sentinel"):
        raise InvalidArgument("a Redis URL begins with redis://, rediss:// or redis-sentinel://")
    is_sentinel = scheme == "redis-sentinel"
    servers: list[tuple[str, int]] = []
    username = password = master = None
    database = 0
    for number, piece in enumerate(rest.split(",")):
        inner = piece.strip()
        if number and "://" in inner:
            inner = inner.partition("://")[2]
        try:
            parts = urlsplit(f"redis://{inner}")
            port = parts.port
        except ValueError:
            raise InvalidArgument(f"server {number + 1} of the Redis URL is not host:port") from None
        if not parts.hostname:
            raise InvalidArgument(f"server {number + 1} of the Redis URL has no host")
        servers.append((parts.hostname, port or (DEFAULT_SENTINEL_PORT if is_sentinel else DEFAULT_PORT)))
        username, password = _credentials(parts.username, parts.password, username, password)
        path = parts.path.strip("/")
        if path:
            if not path.isdecimal():
                raise InvalidArgument("the database of a Redis URL is a number")
            database = int(path)
        master = parse_qs(parts.query).get("sentinelMasterId", [master])[0] or parts.fragment or None
    return RedisAddress(tuple(servers), username, password, database, scheme == "rediss", master)


def _credentials(
    name: str | None, secret: str | None, username: str | None, password: str | None
) -> tuple[str | None, str | None]:
    """Of one server, else those of the servers before it. A name alone is the password, as Redis's URLs have it."""
    if secret is not None:
        return (unquote(name) if name else None), unquote(secret)
    if name:
        return None, unquote(name)
    return username, password


@dataclass(frozen=True, slots=True)
class RedisSettings(Declared):
    """`redis.properties`."""

    # every command here changes something, so all go to a master; threads are those of the event loop
    WITHOUT_EFFECT = ("redis.readFrom", "redis.ioThreads", "redis.workerThreads")

    address: Annotated[RedisAddress, Parsed("redisURL", parse_redis_url)] = LOCAL
    """`redis://user:password@host:port/database`, with TLS `rediss://`, several separated by commas, or
    `redis-sentinel://password@host:port,host:port/database?sentinelMasterId=name`."""
    topology: Annotated[Topology, Choice("redis.topology", {one.value: one for one in Topology})] = Topology.STANDALONE
    """How the servers of the URL belong together. With `redis-sentinel://` the default is `sentinel`."""
    sentinel_password: Annotated[str | None, Text("redis.sentinelPassword")] = None
    """The password of the sentinels themselves."""
    is_encrypted: Annotated[bool, Boolean("redis.ssl.enabled")] = False
    """Whether connections use TLS; `rediss://` says the same."""
    is_certificate_checked: Annotated[bool, Boolean("redis.ignoreCertificateCheck", inverted=True)] = False
    """With false the server's certificate is checked against the system's authorities. James's default is not to."""
    client_certificate: Annotated[str | None, Text("redis.keystore.file.path")] = None
    """A file in PEM form with the client's certificate and key."""
    client_certificate_password: Annotated[str | None, Text("redis.keystore.password")] = None
    """The password of that key."""
    timeout_seconds: Annotated[float, Duration("redis.command.timeout", unit="ms", minimum=0.001)] = 0.5
    """The longest that connecting, and one command, take."""
    retry_seconds: Annotated[float, Duration("redis.retry.interval", unit="ms")] = 2.0
    """After a failure Redis is not asked for this long: each process counts for itself meanwhile."""

    def completed(self, settings: Settings) -> Self:
        topology, master = self.topology, self.address.sentinel_master
        if master is not None and not settings.has("redis.topology"):
            topology = Topology.SENTINEL
        if topology is Topology.SENTINEL and master is None:
            settings.error("the topology sentinel needs redis-sentinel://…?sentinelMasterId=name", "redisURL")
        elif topology is not Topology.SENTINEL and master is not None:
            settings.error("redis-sentinel:// needs redis.topology=sentinel", "redis.topology")
        elif topology is Topology.STANDALONE and len(self.address.servers) > 1:
            settings.error("several servers need redis.topology=cluster or master-replica", "redisURL")
        return replace(self, topology=topology, is_encrypted=self.is_encrypted or self.address.is_encrypted)


read_redis_settings = Reader(RedisSettings)
