"""How a node reaches Cassandra."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument

PORT = 9042


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    port: int = PORT

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class CassandraTls:
    """Certificates in PEM, as text."""

    trusted_certificates: str = ""
    """Of authorities; without any, no server is trusted unless `verify` is off."""
    certificate: str = ""
    """The chain that this client shows, its own certificate first. Empty: it shows none."""
    private_key: str = ""
    private_key_password: str = ""
    verify: bool = True
    """Whether the server's certificate is checked against the authorities."""
    verify_name: bool = False
    """Whether the server's address must be one of the names in its certificate."""


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
    password: str = ""
    tls: CassandraTls | None = None
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

    def __post_init__(self) -> None:
        if not self.hosts:
            raise InvalidArgument("Cassandra needs at least one contact point")
        if len({host.port for host in self.hosts}) > 1:
            raise InvalidArgument("all contact points of Cassandra must have the same port")
        if not self.keyspace.replace("_", "").isalnum() or not self.keyspace[0].isalpha():
            raise InvalidArgument(f"{self.keyspace!r} is not a name of a keyspace: letters, digits and '_' are allowed")
