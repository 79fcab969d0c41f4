"""What a destination demands of TLS, and how it went: the words of RFC 7672, RFC 8461 and RFC 8460."""

import enum
from dataclasses import dataclass

from compostela.core.outbound.dane import TlsaRecord


class Demand(enum.Enum):
    """How far a next hop must prove itself."""

    NOTHING = "nothing"
    """TLS where it is offered (RFC 7435)."""
    ENCRYPTION = "encryption"
    """TLS with whatever certificate: there are TLSA records, and none is usable (RFC 7672 §2.2)."""
    DANE = "dane"
    """A certificate that a TLSA record names."""
    WEB_PKI = "web-pki"
    """A certificate of a known authority, for the exchanger's name (RFC 8461 §4.2)."""


class PolicyType(enum.Enum):
    """RFC 8460 §4.2, `policy-type`."""

    NONE = "no-policy-found"
    TLSA = "tlsa"
    STS = "sts"


class TlsFailureType(enum.Enum):
    """RFC 8460 §4.3, `result-type`."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """Why a session had no TLS as its policy demands; `text` is for people."""

    type: TlsFailureType
    text: str


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What counts for one next hop. With a `failure` it cannot be met whatever the host does."""

    type: PolicyType = PolicyType.NONE
    demand: Demand = Demand.NOTHING
    domain: str = ""
    """The domain of the policy: the recipients' domain, or the exchanger that has TLSA records (RFC 8460 §4.2)."""
    records: tuple[TlsaRecord, ...] = ()
    text: tuple[str, ...] = ()
    """The policy as it was published, a line an item."""
    exchangers: tuple[str, ...] = ()
    """Patterns of an MTA-STS policy."""
    is_testing: bool = False
    """Failures are reported, and the mail goes all the same (RFC 8461 §5)."""
    failure: TlsFailure | None = None

    def __hash__(self) -> int:
        # of the parts that differ most: those that are enumerations take long
        return hash((self.domain, self.text))

    @property
    def is_mandatory(self) -> bool:
        """Whether no mail may go without TLS."""
        return self.demand is not Demand.NOTHING


OPPORTUNISTIC = TlsPolicy()


@dataclass(frozen=True, slots=True)
class TlsSession:
    """How TLS went with one next hop."""

    policy: TlsPolicy
    host: str
    address: str
    failure: TlsFailure | None
