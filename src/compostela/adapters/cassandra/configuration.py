"""`cassandra.properties` and what of `cassandra-driver.conf` has a meaning here, by James's names."""

from compostela.adapters.cassandra.settings import PORT, CassandraSettings, CassandraTls, Host, check_keyspace
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

DRIVER = "datastax-java-driver"
_TUNING = (
    "mailbox.read.repair.chance",
    "mailbox.counters.read.repair.chance.max",
    "mailbox.counters.read.repair.chance.one.hundred",
    "mailbox.max.retry.acl",
    "mailbox.max.retry.modseq",
    "mailbox.max.retry.uid",
    "mailbox.max.retry.message.flags.update",
    "mailbox.max.retry.message.id.flags.update",
    "fetch.advance.row.count",
    "chunk.size.message.read",
    "chunk.size.expunge",
    "mailbox.blob.part.size",
    "mailbox.blob.recovery.mode",
    "optimistic.consistency.level.enabled",
    "uid.modseq.increment",
    "email.change.ttl",
    "mailbox.change.ttl",
    "acl.enabled",
    "mailbox.read.strong.consistency",
    "message.read.strong.consistency",
    "message.write.strong.consistency.unsafe",
    "uid.read.strong.consistency.unsafe",
    "modseq.read.strong.consistency.unsafe",
    "mailrepository.strong.consistency",
)
"""Of tables that are laid out otherwise here. Consistency is always strong."""


def read_cassandra_settings(settings: Settings, driver: Settings) -> CassandraSettings:
    """Reads both files whole. `driver` has a child for each path of `cassandra-driver.conf`."""
    local: tuple[Host, ...] = (Host("127.0.0.1"),)
    hosts = settings.parsed("cassandra.nodes", local, parse_hosts)
    settings.ignored(*_TUNING)
    user, password = settings.text("cassandra.user", ""), settings.text("cassandra.password", "")
    if bool(user) != bool(password):
        settings.error("cassandra.user and cassandra.password belong together", "cassandra.user")
    with_driver = _Driver(driver)
    read = CassandraSettings(
        hosts=hosts,
        keyspace=settings.parsed("cassandra.keyspace", "apache_james", check_keyspace),
        create_keyspace=settings.boolean("cassandra.keyspace.create", False),
        replication_factor=settings.integer("cassandra.replication.factor", 1, minimum=1, maximum=100),
        local_datacenter=settings.parsed("cassandra.local.dc", "", check_datacenter),
        user=user,
        password=password,
        tls=with_driver.tls(),
        connect_attempts=settings.integer("cassandra.retryConnection.maxRetries", 10, minimum=1),
        connect_delay_seconds=settings.duration("cassandra.retryConnection.minDelay", 5.0, unit="ms", minimum=0.1),
        connect_seconds=with_driver.duration("advanced.connection.connect-timeout", 5.0),
        request_seconds=with_driver.duration("basic.request.timeout", 12.0),
        max_requests=with_driver.integer("advanced.throttler.max-concurrent-requests", 1024),
        max_waiting=with_driver.integer("advanced.throttler.max-queue-size", 10_000),
        connections_per_host=with_driver.integer("advanced.connection.pool.local.size", 1),
    )
    settings.finish()
    with_driver.finish()
    return read


class _Driver:
    """The values of `cassandra-driver.conf`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def duration(self, path: str, default: float) -> float:
        # a bare number is in milliseconds, as in HOCON
        return self._settings.duration(f"{DRIVER}.{path}", default, unit="ms", minimum=0.001)

    def integer(self, path: str, default: int) -> int:
        return self._settings.integer(f"{DRIVER}.{path}", default, minimum=1)

    def tls(self) -> CassandraTls | None:
        engine = f"{DRIVER}.advanced.ssl-engine-factory"
        text, settings = self._settings.text, self._settings
        factory = text(f"{engine}.class", "")
        verifies_name = settings.boolean(f"{engine}.hostname-validation", True)
        read = CassandraTls(
            truststore=text(f"{engine}.truststore-path", ""),
            truststore_password=text(f"{engine}.truststore-password", ""),
            keystore=text(f"{engine}.keystore-path", ""),
            keystore_password=text(f"{engine}.keystore-password", ""),
            verify_name=verifies_name,
        )
        if factory and factory.rpartition(".")[2] != "DefaultSslEngineFactory":
            settings.error(f"{factory!r} is not known: only DefaultSslEngineFactory is", f"{engine}.class")
        return read if factory else None

    def finish(self) -> None:
        """All other options are those of another driver: they are listed in one complaint."""
        known = set(self._settings.known)
        names = [child.name for child in self._settings.node.children]
        others = [name for name in names if name not in known and name.startswith(f"{DRIVER}.")]
        for name in others:
            self._settings.sections(name)
        if others:
            listed = ", ".join(name.removeprefix(f"{DRIVER}.") for name in others)
            self._settings.problems.no_effect(self._settings.place, f"options without effect here: {listed}")
        self._settings.finish()


def parse_hosts(text: str) -> tuple[Host, ...]:
    """`host[:port]`, separated by commas. Raises `InvalidArgument`."""
    hosts = []
    for piece in text.split(","):
        name, _, port = piece.strip().partition(":")
        if not name or (port and not port.isdecimal()):
            raise InvalidArgument(f"{piece.strip()!r} is not host:port")
        hosts.append(Host(name, int(port) if port else PORT))
    if len({host.port for host in hosts}) > 1:
        raise InvalidArgument("all nodes must have the same port")
    return tuple(hosts)


def check_datacenter(text: str) -> str:
    """Raises `InvalidArgument`."""
    if not text.replace("_", "").replace("-", "").isalnum():
        raise InvalidArgument(f"{text!r} is not the name of a data centre")
    return text
