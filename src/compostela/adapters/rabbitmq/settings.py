"""`rabbitmq.properties`, by James's names."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Duration, Integer, Many, Parsed, Text
from compostela.base.declared import Declared
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

DEFAULT_URI = "amqp://guest:guest@localhost:5672/"


def _checked(text: str) -> str:
    """Raises `InvalidArgument`, without the text: it may hold a password."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("amqp", "amqps") or not rest.strip("/"):
        raise InvalidArgument("the URI of RabbitMQ is like amqp://user:password@host:5672/vhost")
    return text


@dataclass(frozen=True, slots=True)
class RabbitSettings(Declared):
    """What of `rabbitmq.properties` concerns connections and queues."""

    WITHOUT_EFFECT = (
        "connection.pool.retries", "channel.pool.retries", "channel.pool.size", "driver.network.recovery.interval",
        "mailqueue.publish.confirm.enabled", "event.bus.publish.confirm.enabled", "event.bus.propagate.dispatch.error",
        "event.bus.notification.durability.enabled", "notification.queue.autoDelete", "notification.queue.ttl",
        "cassandra.view.enabled", "mailqueue.view.sliceWindow", "mailqueue.view.bucketCount",
        "mailqueue.view.updateBrowseStartPace", "mailqueue.size.metricsEnabled", "quorum.queues.delivery.limit",
        "ssl.truststore.password", "ssl.keystore.password", "ssl.hostname.verifier",
    )  # fmt: skip
    NOT_YET = ("management.uri", "management.user", "management.password", "ssl.management.enabled")

    uri: Annotated[str, Parsed("uri", _checked)] = DEFAULT_URI
    """The server, with user, password and virtual host: `amqp://user:password@host:5672/vhost`; `amqps://` with TLS."""
    hosts: Annotated[tuple[str, ...], Many("hosts")] = ()
    """Servers of one cluster, which are tried in turn, in the place of the server of `uri`."""
    virtual_host: Annotated[str | None, Text("vhost")] = None
    """The virtual host, in the place of that of `uri`."""
    is_encrypted: Annotated[bool, Boolean("ssl.enabled")] = False
    """Whether connections are encrypted; `amqps://` says the same."""
    validation: Annotated[str, Text("ssl.validation.strategy")] = "default"
    """With `ignore` the server's certificate is not checked."""
    trusted_certificates: Annotated[str | None, Text("ssl.truststore")] = None
    """A file in PEM form with the authorities; none: the system's."""
    client_certificate: Annotated[str | None, Text("ssl.keystore")] = None
    """A file in PEM form with the client's certificate and key."""
    connect_seconds: float = 5.0
    publish_seconds: float = 10.0
    """The longest that the broker takes to confirm a message."""
    first_pause_seconds: Annotated[float, Duration("connection.pool.min.delay.ms", unit="ms")] = 0.1
    """The wait before the connection is tried again; it doubles up to `channel.pool.max.delay.ms`."""
    last_pause_seconds: Annotated[float, Duration("channel.pool.max.delay.ms", unit="ms")] = 10.0
    """The longest wait before the connection is tried again."""
    uses_quorum_queues: Annotated[bool, Boolean("quorum.queues.enable")] = True
    """Whether queues are kept on several servers. James's default is not to."""
    replicas: Annotated[int, Integer("quorum.queues.replication.factor", minimum=0)] = 0
    """The servers that keep a queue at first; 0: RabbitMQ's own number."""

    @property
    def uris(self) -> tuple[str, ...]:
        """Servers of one cluster, which are tried in turn."""
        return tuple(_with(self.uri, host, self.virtual_host) for host in self.hosts or ("",))

    @property
    def is_certificate_checked(self) -> bool:
        return self.validation.lower() != "ignore"

    def completed(self, settings: Settings) -> Self:
        is_encrypted = self.uri.startswith("amqps:") and not settings.has("ssl.enabled")
        return replace(self, is_encrypted=self.is_encrypted or is_encrypted)


def _with(uri: str, host: str, vhost: str | None) -> str:
    """The URI with another server, or another virtual host."""
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    if host:
        credentials, at, _ = authority.rpartition("@")
        authority = f"{credentials}{at}{host}"
    return f"{scheme}://{authority}/{path if vhost is None else vhost.strip('/')}"
