"""The `tls` block of a server."""

import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from compostela.base.declarations import Boolean, Choice, Listed, Many, Parsed, Text
from compostela.base.declared import Declared, Group, Taken
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Settings, nearest
from compostela.net.tls.suites import OLD_PROTOCOLS, PROTOCOLS, TLS13_SUITES, Suites, iana_names, read_suites

NOWHERE = Place("")
ANY_SUITE = Suites()


class ClientCertificate(enum.Enum):
    """Whether a client must show a certificate."""

    NEED = "need"
    WANT = "want"


STORE_TYPES = ("JKS", "PKCS12", "PEM")
_CLIENT_CERTIFICATE = {one.value: one for one in ClientCertificate}


def _store_type(text: str) -> str:
    if text.upper() not in STORE_TYPES:
        raise InvalidArgument(f"{text!r} is none of {', '.join(STORE_TYPES)}{nearest(text, STORE_TYPES)}")
    return text.upper()


class _Protocols(Listed):
    __slots__ = ()

    def read(self, settings: Settings, default: Any) -> object:
        return _protocols(settings, settings.strings(self.name)) or default


class _CipherSuites(Listed):
    __slots__ = ()

    def read(self, settings: Settings, default: Any) -> object:
        names = settings.strings(self.name)
        return _suites(settings, names) if names else default

    def shown(self, default: object) -> object:  # noqa: ARG002 - none are named
        return ()


class _Certificate(Choice):
    """The text of the element that holds it says the same."""

    __slots__ = ()

    def read(self, settings: Settings, default: Any) -> object:
        written = settings.body.lower()
        if written and written not in self.names:
            settings.error(
                f"clientAuth: {written!r} is neither need nor want; without the element no certificate is asked for"
            )
        return super().read(settings, self.names.get(written, default))


def _protocols(section: Settings, names: list[str]) -> tuple[str, ...]:
    place = section.place_of("supportedProtocols")
    for name in names:
        if name in OLD_PROTOCOLS:
            section.problems.warning(place, f"the protocol {name} is not safe and is left out")
        elif name not in PROTOCOLS:
            section.error(f"the protocol {name!r} is not known{nearest(name, PROTOCOLS)}", "supportedProtocols")
    allowed = tuple(name for name in names if name in PROTOCOLS)
    if names and not allowed:
        section.error(f"no protocol is left; supported are {', '.join(PROTOCOLS)}", "supportedProtocols")
    return allowed


def _suites(section: Settings, names: list[str]) -> Suites:
    suites = read_suites(names)
    place = section.place_of("supportedCipherSuites")
    for name in suites.unknown:
        section.error(f"the cipher suite {name!r} is not known{nearest(name, iana_names())}", "supportedCipherSuites")
    for name in suites.unavailable:
        section.problems.warning(
            place, f"the TLS library does not have the cipher suite {name}, or not as a safe one: it is left out"
        )
    if names and not suites.tls12 and not suites.tls13 and not suites.unknown:
        section.error("no cipher suite is left", "supportedCipherSuites")
    missing = [name for name in TLS13_SUITES if name not in suites.tls13]
    if suites.tls13 and missing:
        section.problems.warning(
            place,
            f"with TLS 1.3 the TLS library always offers {', '.join(missing)} too: Python's ssl cannot choose among its suites",
        )
    return suites


@dataclass(frozen=True, slots=True)
class ClientAuthSettings(Declared):
    """The `clientAuth` block. Its presence makes a client's certificate necessary, unless it says otherwise."""

    certificate: Annotated[ClientCertificate, _Certificate("certificate", _CLIENT_CERTIFICATE)] = ClientCertificate.NEED
    """`need` refuses clients without a certificate that is trusted, `want` only asks; one that is not trusted is refused by both."""
    truststore: Annotated[str | None, Text("truststore")] = None
    """URL of a store with the authorities whose certificates are taken; without it those that the system trusts."""
    truststore_type: Annotated[str, Parsed("truststoreType", _store_type)] = "JKS"
    """JKS, PKCS12 or PEM; what the file is, is told by its first bytes."""
    truststore_secret: Annotated[str | None, Text("truststoreSecret")] = field(default=None, repr=False)
    """Password of the trust store."""
    crls: Annotated[tuple[str, ...], Many("crl")] = ()
    """URLs of lists of revoked certificates, PEM or DER; every authority that signs clients needs its own."""

    def completed(self, settings: Settings) -> Self:
        if self.truststore is None:
            settings.problems.warning(
                settings.place, "without a truststore every certificate of an authority that the system trusts is taken"
            )
        return self


@dataclass(frozen=True, slots=True)
class TlsSettings(Declared):
    """The `tls` block. Without a key of its own a server that offers TLS cannot start."""

    WITHOUT_EFFECT = ("provider", "algorithm", "sessionCache/size", "sessionCache/timeout")

    implicit: Annotated[bool, Boolean("socketTLS")] = False
    """`socketTLS`: the connection begins with the handshake."""
    starttls: Annotated[bool, Boolean("startTLS")] = False
    """`startTLS`: the upgrade command is offered."""
    keystore: Annotated[str | None, Text("keystore")] = None
    """URL of a key store."""
    keystore_type: Annotated[str, Parsed("keystoreType", _store_type)] = "JKS"
    """JKS, PKCS12 or PEM; what the file is, is told by its first bytes."""
    private_key: Annotated[str | None, Text("privateKey")] = None
    """URL of a key in PEM."""
    certificates: Annotated[str | None, Text("certificates")] = None
    """URL of the certificate chain in PEM."""
    secret: Annotated[str | None, Text("secret")] = field(default=None, repr=False)
    """Password of the key store or of the key."""
    key_secret: Annotated[str | None, Text("keySecret")] = field(default=None, repr=False)
    """Password of the key in a JKS store, when it is another than the store's."""
    protocols: Annotated[tuple[str, ...], _Protocols("supportedProtocols/protocol")] = ()
    """Allowed protocols (TLSv1.2, TLSv1.3); empty for TLS 1.2 and newer."""
    suites: Annotated[Suites, _CipherSuites("supportedCipherSuites/cipherSuite")] = ANY_SUITE
    """Allowed cipher suites by Java's names or OpenSSL's, the server's preference first; empty for the library's choice."""
    checks_revocations: Annotated[bool, Boolean("enableOCSPCRLChecks")] = False
    """Certificates of clients are looked up in the lists of `clientAuth/crl`, which must be there."""
    client_auth: Annotated[ClientAuthSettings | None, Group("clientAuth")] = None
    """Whether and how clients show certificates."""
    place: Annotated[Place, Taken(lambda settings: settings.place)] = NOWHERE
    """The place of the block, for error messages."""

    @property
    def offered(self) -> bool:
        return self.implicit or self.starttls

    def completed(self, settings: Settings) -> Self:
        if self.checks_revocations:
            self._check_revocations(settings)
        if self.implicit and self.starttls:
            settings.error("socketTLS and startTLS can't both be true")
        if self.offered and not self.keystore and not (self.private_key and self.certificates):
            settings.error("TLS needs a keystore, or privateKey and certificates")
        if self.keystore and (self.private_key or self.certificates):
            settings.error("TLS takes its key from a keystore, or from privateKey and certificates, not from both")
        if settings.has("sessionCache"):
            settings.problems.warning(
                settings.place_of("sessionCache"),
                "sessionCache has no effect: the TLS library keeps sessions in tickets, whose number and age it decides itself",
            )
        return self

    def _check_revocations(self, settings: Settings) -> None:
        if self.client_auth is None:
            settings.problems.warning(
                settings.place_of("enableOCSPCRLChecks"),
                "enableOCSPCRLChecks has no effect without clientAuth: there is no certificate to check",
            )
        elif not self.client_auth.crls:
            settings.error(
                "enableOCSPCRLChecks needs the authorities' lists of revoked certificates: Python's ssl cannot fetch them, "
                "name the files in <crl>",
                "clientAuth",
            )
        else:
            settings.problems.warning(
                settings.place_of("clientAuth"),
                "OCSP is not asked, and lists of revoked certificates are not fetched: keep the files of <crl> up to date",
            )
