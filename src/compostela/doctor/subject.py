"""What is examined: the server as its configuration describes it."""

from dataclasses import dataclass

from compostela.core.autoconfiguration.endpoints import Endpoint
from compostela.core.autoconfiguration.mta_sts import MtaStsPolicy
from compostela.core.autoconfiguration.setup import PublicSetup
from compostela.doctor.settings import DoctorSettings


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the checks need of a certificate that is served."""

    names: tuple[str, ...]
    """DNS names and addresses of the subject alternative names, in lower case."""
    not_before: float
    not_after: float
    self_signed: bool
    der: bytes
    public_key: bytes
    """The SubjectPublicKeyInfo, in DER."""

    def covers(self, host: str) -> bool:
        """RFC 9525 §6.3: a whole first label may be `*`."""
        rest = host.partition(".")[2]
        return any(name == host or (name[:2] == "*." and name[2:] == rest) for name in self.names)


@dataclass(frozen=True, slots=True)
class DkimKey:
    """The public half of a key that signs (RFC 6376 §3.6.1)."""

    domain: str
    selector: str
    algorithm: str
    """`rsa` or `ed25519`."""
    public: str
    """The value of `p=`."""

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A server and its domains. All names are in A-labels, in lower case, without a final dot."""

    setup: PublicSetup
    domains: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    publishes: bool
    """The listener for the public documents is on."""
    settings: DoctorSettings
    certificate: Certificate | None = None
    """Of the server that other servers send to; None when it cannot be read."""
    dkim_keys: tuple[DkimKey, ...] = ()
    default_domain: str = "localhost"
    """Of users whose name has none."""
    complaints: tuple[str, ...] = ()
    """What could not be read of the configuration."""
    remarks: tuple[str, ...] = ()
    """What limits the examination."""

    @property
    def host(self) -> str:
        """What the server calls itself."""
        return self.setup.host

    @property
    def home(self) -> str | None:
        """The nearest of the domains in which the server's name lies."""
        return max((one for one in self.domains if is_within(self.host, one)), key=len, default=None)

    @property
    def policy(self) -> MtaStsPolicy:
        return self.setup.policy

    def keys_of(self, domain: str) -> tuple[DkimKey, ...]:
        """The keys that sign for a domain: its own, or those of the nearest domain above it. There are several while keys
        are exchanged, or with one for each algorithm."""
        fitting = [key for key in self.dkim_keys if is_within(domain, key.domain)]
        nearest = max((len(key.domain) for key in fitting), default=0)
        return tuple(key for key in fitting if len(key.domain) == nearest)


def is_public_name(name: str) -> bool:
    """Whether other servers could look the name up: at least two labels, and not one of those kept for private use."""
    top = name.rpartition(".")[2]
    return "." in name and not top.isdigit() and top not in ("local", "localhost", "lan", "internal", "localdomain")


def is_within(name: str, domain: str) -> bool:
    return name == domain or name.endswith("." + domain)
