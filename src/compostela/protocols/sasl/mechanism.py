"""A SASL exchange as octets (RFC 4422): what the server says, and what the client claims at its end. Mechanisms know no protocol
and no users; the host encodes and decodes base64, and checks the claim against the users."""

from dataclasses import dataclass, field

from compostela.base.errors import InvalidArgument
from compostela.model.scram import ScramSecrets


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this to the client and feed its answer."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class PasswordCredentials:
    """The client's claim: check the password of `authentication_id`, then, when `authorization_id` is another, whether that
    user may act for it."""

    authentication_id: str
    password: str = field(repr=False)
    authorization_id: str | None = None


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """An access token; its user is the authentication identity."""

    token: str = field(repr=False)
    authorization_id: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateCredentials:
    """The client certificate of the TLS channel identifies the user."""

    authorization_id: str | None = None


@dataclass(frozen=True, slots=True)
class PrincipalCredentials:
    """A Kerberos ticket has shown that it is this principal, `name@REALM`."""

    principal: str
    authorization_id: str | None = None


@dataclass(frozen=True, slots=True)
class SecretsWanted:
    """Go on with `Mechanism.secrets` of this user."""

    authentication_id: str


@dataclass(frozen=True, slots=True)
class Proved:
    """The exchange itself has shown that it is this user."""

    authentication_id: str
    authorization_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The exchange itself has shown that it is not this user."""

    authentication_id: str
    reason: str = ""
    """For the log."""


Claim = PasswordCredentials | TokenCredentials | CertificateCredentials | PrincipalCredentials | Proved | Rejected
Step = Challenge | SecretsWanted | Claim


class UnsupportedBinding(InvalidArgument):
    """The client and the server do not agree on how the exchange is bound to the channel. The text is the error's word of
    RFC 5802 §7."""


class Mechanism:
    """One exchange."""

    blocking = False
    """Whether `next` may take long, as one does that asks a library or a service: it is then called in a thread."""

    def next(self, response: bytes | None) -> Step:
        """What comes after the client's response, None at first when it sent no initial one. Raises `InvalidArgument` for what
        is not of the mechanism's form."""
        raise NotImplementedError

    def secrets(self, secrets: ScramSecrets) -> Step:
        """After `SecretsWanted`."""
        raise NotImplementedError

    def refused(self) -> Challenge | None:
        """What a refused client is told before the protocol's own answer, which then waits for its response."""
        return None
