"""`rabbitmq.properties`, by James's names."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

DEFAULT_URI = "amqp://guest:guest@localhost:5672/"


@dataclass(frozen=True, slots=True)
class RabbitSettings:
    """`rabbitmq.properties`."""

    uris: tuple[str, ...] = (DEFAULT_URI,)
    """Servers of one cluster, which are tried in turn: `uri`, with the servers of `hosts` and the virtual host of `vhost`."""
    is_encrypted: bool = False
    is_certificate_checked: bool = True
    trusted_certificates: str | None = None
    """A file in PEM form with the authorities; none: the system's."""
    client_certificate: str | None = None
    """A file in PEM form with the client's certificate and key."""
    connect_seconds: float = 5.0
    publish_seconds: float = 10.0
    """The longest that the broker takes to confirm a message."""
    first_pause_seconds: float = 0.1
    """The wait before the connection is tried again; it doubles up to `last_pause_seconds`."""
    last_pause_seconds: float = 10.0
    uses_quorum_queues: bool = True
    """Whether queues are kept on several servers. James's default is not to."""
    replicas: int | None = None
    """The servers that keep a queue at first; none: RabbitMQ's own number."""


def read_rabbit_settings(settings: Settings) -> RabbitSettings:
    """Reads what of the file concerns connections and queues. Other readers have read the rest."""
    uri = settings.parsed("uri", DEFAULT_URI, _checked)
    hosts = settings.strings("hosts")
    vhost = settings.text("vhost", None)
    usual = RabbitSettings()
    settings.not_yet("management.uri", "management.user", "management.password", "ssl.management.enabled")
    settings.ignored(
        "connection.pool.retries", "channel.pool.retries", "channel.pool.size", "driver.network.recovery.interval",
        "mailqueue.publish.confirm.enabled", "event.bus.publish.confirm.enabled", "event.bus.propagate.dispatch.error",
        "event.bus.notification.durability.enabled", "notification.queue.autoDelete", "notification.queue.ttl",
        "cassandra.view.enabled", "mailqueue.view.sliceWindow", "mailqueue.view.bucketCount",
        "mailqueue.view.updateBrowseStartPace", "mailqueue.size.metricsEnabled", "quorum.queues.delivery.limit",
        "ssl.truststore.password", "ssl.keystore.password", "ssl.hostname.verifier",
    )  # fmt: skip
    return RabbitSettings(
        uris=tuple(_with(uri, host, vhost) for host in hosts or [""]),
        is_encrypted=settings.boolean("ssl.enabled", uri.startswith("amqps:")),
        is_certificate_checked=settings.text("ssl.validation.strategy", "default").lower() != "ignore",
        trusted_certificates=settings.text("ssl.truststore", None),
        client_certificate=settings.text("ssl.keystore", None),
        first_pause_seconds=settings.duration("connection.pool.min.delay.ms", usual.first_pause_seconds, unit="ms"),
        last_pause_seconds=settings.duration("channel.pool.max.delay.ms", usual.last_pause_seconds, unit="ms"),
        uses_quorum_queues=settings.boolean("quorum.queues.enable", True),
        replicas=settings.integer("quorum.queues.replication.factor", 0, minimum=0) or None,
    )


def _checked(text: str) -> str:
    """Raises `InvalidArgument`, without the text: it may hold a password."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("amqp", "amqps") or not rest.strip("/"):
        raise InvalidArgument("the URI of RabbitMQ is like amqp://user:password@host:5672/vhost")
    return text


def _with(uri: str, host: str, vhost: str | None) -> str:
    """The URI with another server, or another virtual host."""
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    if host:
        credentials, at, _ = authority.rpartition("@")
        authority = f"{credentials}{at}{host}"
    return f"{scheme}://{authority}/{path if vhost is None else vhost.strip('/')}"
