"""`redis.properties`, by James's names."""

import enum
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

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


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """`redis.properties`."""

    address: RedisAddress = LOCAL
    """`redis://user:password@host:port/database`, `rediss://` with TLS, several separated by commas, or
    `redis-sentinel://password@host:port,host:port/database?sentinelMasterId=name`."""
    topology: Topology = Topology.STANDALONE
    """How the servers of the URL belong together."""
    sentinel_password: str | None = None
    """The password of the sentinels themselves."""
    is_encrypted: bool = False
    """Whether connections use TLS; `rediss://` says the same."""
    is_certificate_checked: bool = False
    """Whether the server's certificate is checked against the system's authorities. James's default is not to."""
    client_certificate: str | None = None
    """A file in PEM form with the client's certificate and key."""
    client_certificate_password: str | None = None
    """The password of that key."""
    timeout_seconds: float = 0.5
    """The longest that connecting, and one command, take."""
    retry_seconds: float = 2.0
    """After a failure Redis is not asked for this long: each process counts for itself meanwhile."""


def read_redis_settings(settings: Settings) -> RedisSettings:
    """Reads the whole file."""
    address = settings.parsed("redisURL", LOCAL, parse_redis_url)
    topology = settings.choice(
        "redis.topology",
        Topology.STANDALONE if address.sentinel_master is None else Topology.SENTINEL,
        {one.value: one for one in Topology},
    )
    if topology is Topology.SENTINEL and address.sentinel_master is None:
        settings.error("the topology sentinel needs redis-sentinel://…?sentinelMasterId=name", "redisURL")
    elif topology is not Topology.SENTINEL and address.sentinel_master is not None:
        settings.error("redis-sentinel:// needs redis.topology=sentinel", "redis.topology")
    elif topology is Topology.STANDALONE and len(address.servers) > 1:
        settings.error("several servers need redis.topology=cluster or master-replica", "redisURL")
    # every command here changes something, so all go to a master; threads are those of the event loop
    settings.ignored("redis.readFrom", "redis.ioThreads", "redis.workerThreads")
    read = RedisSettings(
        address=address,
        topology=topology,
        sentinel_password=settings.text("redis.sentinelPassword", None),
        is_encrypted=settings.boolean("redis.ssl.enabled", False) or address.is_encrypted,
        is_certificate_checked=not settings.boolean("redis.ignoreCertificateCheck", True),
        client_certificate=settings.text("redis.keystore.file.path", None),
        client_certificate_password=settings.text("redis.keystore.password", None),
        timeout_seconds=settings.duration("redis.command.timeout", 0.5, unit="ms", minimum=0.001),
        retry_seconds=settings.duration("redis.retry.interval", 2.0, unit="ms"),
    )
    settings.finish()
    return read


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
