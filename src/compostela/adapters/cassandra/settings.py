"""How a node reaches Cassandra."""

import enum
import ipaddress
import math
import re
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Choice, Duration, Integer, Parsed, Text
from compostela.base.declared import Declared, Group
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

PORT = 9042
CHANGES_SECONDS = 30 * 86400.0
DRIVER = "datastax-java-driver"
SSL = f"{DRIVER}.advanced.ssl-engine-factory"
ENGINE_FACTORY = "DefaultSslEngineFactory"
_KEYSPACE = re.compile(r"[a-z][a-z0-9_]{0,47}")


class RecoveryMode(enum.Enum):
    """Whether messages have copies, and when they are written."""

    NONE = "none"
    SYNCHRONOUS = "synchronous"
    ASYNCHRONOUS = "asynchronous"


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    port: int = PORT

    @property
    def is_address(self) -> bool:
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


def check_keyspace(text: str) -> str:
    """Raises `InvalidArgument` for what is not a name of a keyspace, or would need quotes."""
    if not _KEYSPACE.fullmatch(text):
        raise InvalidArgument(
            f"{text!r} is not a name of a keyspace: a lower-case letter, then letters, digits and '_'"
        )
    return text


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


def _milliseconds(path: str) -> Duration:
    # a bare number is in milliseconds, as in HOCON
    return Duration(f"{DRIVER}.{path}", unit="ms", minimum=0.001)


@dataclass(frozen=True, slots=True)
class CassandraTls:
    """Stores of certificates and keys: JKS, PKCS#12 or PEM, told apart by their first octets."""

    truststore: Annotated[str, Text(f"{SSL}.truststore-path")] = ""
    """A file with the certificates of authorities. Without it those of the system are trusted."""
    truststore_password: Annotated[str, Text(f"{SSL}.truststore-password")] = ""
    """The password of that store."""
    keystore: Annotated[str, Text(f"{SSL}.keystore-path")] = ""
    """A file with the certificate and the key that this client shows. Without it, it shows none."""
    keystore_password: Annotated[str, Text(f"{SSL}.keystore-password")] = ""
    """The password of that store and of its key."""
    verify_name: Annotated[bool, Boolean(f"{SSL}.hostname-validation")] = True
    """Whether the server's name or address must be in its certificate."""
    factory: Annotated[str, Text(f"{SSL}.class")] = ENGINE_FACTORY
    """With `DefaultSslEngineFactory` connections are encrypted."""


@dataclass(frozen=True, slots=True)
class DriverSettings(Declared):
    """What of `cassandra-driver.conf` has a meaning here."""

    tls: Annotated[CassandraTls | None, Group(when="factory", defaults={"factory": ""})] = None
    """None: connections are not encrypted."""
    connect_seconds: Annotated[float, _milliseconds("advanced.connection.connect-timeout")] = 5.0
    """Time-out of one connection."""
    request_seconds: Annotated[float, _milliseconds("basic.request.timeout")] = 12.0
    """Time-out of one request, the wait for a free place among the concurrent requests included."""
    max_requests: Annotated[int, Integer(f"{DRIVER}.advanced.throttler.max-concurrent-requests", minimum=1)] = 1024
    """Requests of one node of the mail server that are under way at once. More wait."""
    max_waiting: Annotated[int, Integer(f"{DRIVER}.advanced.throttler.max-queue-size", minimum=1)] = 10_000
    """Requests that may wait. More are refused as a temporary failure."""
    connections_per_host: Annotated[int, Integer(f"{DRIVER}.advanced.connection.pool.local.size", minimum=1)] = 1
    """Connections to each node of the cluster."""

    def completed(self, settings: Settings) -> Self:
        factory = self.tls.factory if self.tls is not None else ""
        if factory and factory.rpartition(".")[2] != ENGINE_FACTORY:
            settings.error(f"{factory!r} is not known: only {ENGINE_FACTORY} is", f"{SSL}.class")
        return self


@dataclass(frozen=True, slots=True)
class CassandraSettings(DriverSettings):
    """One cluster and one keyspace: `cassandra.properties`, with the options of the driver."""

    # tables are laid out otherwise here, and consistency is always strong
    WITHOUT_EFFECT = (
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
        "optimistic.consistency.level.enabled",
        "uid.modseq.increment",
        "acl.enabled",
        "mailbox.read.strong.consistency",
        "message.read.strong.consistency",
        "message.write.strong.consistency.unsafe",
        "uid.read.strong.consistency.unsafe",
        "modseq.read.strong.consistency.unsafe",
        "mailrepository.strong.consistency",
    )

    hosts: Annotated[tuple[Host, ...], Parsed("cassandra.nodes", parse_hosts)] = (Host("127.0.0.1"),)
    """Contact points. The driver finds the other nodes of the cluster. All have the same port."""
    keyspace: Annotated[str, Parsed("cassandra.keyspace", check_keyspace)] = "apache_james"
    """Holds all tables."""
    create_keyspace: Annotated[bool, Boolean("cassandra.keyspace.create")] = False
    """Whether the keyspace is made if it is missing."""
    replication_factor: Annotated[int, Integer("cassandra.replication.factor", minimum=1, maximum=100)] = 1
    """Copies of each row, of a keyspace that is made here. 3 is right for a cluster."""
    local_datacenter: Annotated[str, Parsed("cassandra.local.dc", check_datacenter)] = ""
    """The data centre whose nodes are asked. Empty: that of the first contact point that answers."""
    user: Annotated[str, Text("cassandra.user")] = ""
    """Together with a password, for a cluster that asks for them."""
    password: Annotated[str, Text("cassandra.password")] = ""
    """Of that user."""
    connect_attempts: Annotated[int, Integer("cassandra.retryConnection.maxRetries", minimum=1)] = 10
    """After so many failed attempts the log says that it goes on trying, at level ERROR."""
    connect_delay_seconds: Annotated[float, Duration("cassandra.retryConnection.minDelay", unit="ms", minimum=0.1)] = (
        5.0
    )
    """Between two attempts to connect, while no node of the cluster answers."""

    recovery_mode: Annotated[
        RecoveryMode, Choice("mailbox.blob.recovery.mode", {one.value: one for one in RecoveryMode})
    ] = RecoveryMode.NONE
    """Whether a copy of each message goes to S3, under `recovery/`, from which messages come back that Cassandra has lost: `synchronous`,
    before a message is acknowledged, or `asynchronous`, after that, for most of them."""
    email_change_seconds: Annotated[float, Duration("email.change.ttl", unit="days")] = CHANGES_SECONDS
    """How long a mailbox keeps the changes of its messages for clients and listeners that ask what happened since. The latest 50,000
    changes of a mailbox are kept in any case. 0 keeps all."""
    mailbox_change_seconds: Annotated[float, Duration("mailbox.change.ttl", unit="days")] = CHANGES_SECONDS
    """One log has both kinds of changes: the longer of the two times counts."""

    @property
    def kept_changes_seconds(self) -> float:
        """How long changes are kept."""
        return max(one or math.inf for one in (self.email_change_seconds, self.mailbox_change_seconds))

    def completed(self, settings: Settings) -> Self:
        if bool(self.user) != bool(self.password):
            settings.error("cassandra.user and cassandra.password belong together", "cassandra.user")
        return self

    def __post_init__(self) -> None:
        if not self.hosts:
            raise InvalidArgument("Cassandra needs at least one contact point")
        if len({host.port for host in self.hosts}) > 1:
            raise InvalidArgument("all contact points of Cassandra must have the same port")
        check_keyspace(self.keyspace)
