"""How a node reaches Cassandra."""

import ipaddress
import re
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument

PORT = 9042
_KEYSPACE = re.compile(r"[a-z][a-z0-9_]{0,47}")


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


@dataclass(frozen=True, slots=True)
class CassandraTls:
    """Stores of certificates and keys: JKS, PKCS#12 or PEM, told apart by their first octets."""

    truststore: str = ""
    """A file with the certificates of authorities. Without it those of the system are trusted."""
    truststore_password: str = ""
    """The password of that store."""
    keystore: str = ""
    """A file with the certificate and the key that this client shows. Without it, it shows none."""
    keystore_password: str = ""
    """The password of that store and of its key."""
    verify_name: bool = True
    """Whether the server's name or address must be in its certificate."""


@dataclass(frozen=True, slots=True)
class CassandraSettings:
    """One cluster and one keyspace."""

    hosts: tuple[Host, ...] = (Host("127.0.0.1"),)
    """Contact points. The driver finds the other nodes of the cluster. All have the same port."""
    keyspace: str = "apache_james"
    create_keyspace: bool = False
    """Whether the keyspace is made if it is missing."""
    replication_factor: int = 1
    """Copies of each row, of a keyspace that is made here. 3 is right for a cluster."""
    local_datacenter: str = ""
    """The data centre whose nodes are asked. Empty: that of the first contact point that answers."""
    user: str = ""
    """With a password, for clusters that ask for it."""
    password: str = ""
    """Of that user."""
    tls: CassandraTls | None = None
    """None: connections are not encrypted."""
    connect_seconds: float = 5.0
    """Time-out of one connection."""
    request_seconds: float = 12.0
    """Time-out of one request, the wait for a free place among the concurrent requests included."""
    connect_attempts: int = 10
    """After so many failed attempts the log says that it goes on trying, at level ERROR."""
    connect_delay_seconds: float = 5.0
    """Between two attempts to connect, while no node of the cluster answers."""
    max_requests: int = 1024
    """Requests of one node of the mail server that are under way at once. More wait."""
    max_waiting: int = 10_000
    """Requests that may wait. More are refused as a temporary failure."""
    connections_per_host: int = 1
    """Connections to each node of the cluster."""

    def __post_init__(self) -> None:
        if not self.hosts:
            raise InvalidArgument("Cassandra needs at least one contact point")
        if len({host.port for host in self.hosts}) > 1:
            raise InvalidArgument("all contact points of Cassandra must have the same port")
        check_keyspace(self.keyspace)


def check_keyspace(text: str) -> str:
    """Raises `InvalidArgument` for what is not a name of a keyspace, or would need quotes."""
    if not _KEYSPACE.fullmatch(text):
        raise InvalidArgument(
            f"{text!r} is not a name of a keyspace: a lower-case letter, then letters, digits and '_'"
        )
    return text
