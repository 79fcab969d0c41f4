"""The `tls` block of a server."""

import enum
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class ClientAuthSettings:
    """The `clientAuth` block. Its presence makes a client's certificate necessary, unless it says otherwise."""

    certificate: ClientCertificate = ClientCertificate.NEED
    """`need` refuses clients without a certificate that is trusted, `want` only asks; one that is not trusted is refused by both."""
    truststore: str | None = None
    """URL of a store with the authorities whose certificates are taken; without it those that the system trusts."""
    truststore_type: str = "JKS"
    """JKS, PKCS12 or PEM; what the file is, is told by its first bytes."""
    truststore_secret: str | None = field(default=None, repr=False)
    """Password of the trust store."""
    crls: tuple[str, ...] = ()
    """URLs of lists of revoked certificates, PEM or DER; every authority that signs clients needs its own."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The `tls` block. Without a key of its own a server that offers TLS cannot start."""

    implicit: bool = False
    """`socketTLS`: the connection begins with the handshake."""
    starttls: bool = False
    """`startTLS`: the upgrade command is offered."""
    keystore: str | None = None
    """URL of a key store."""
    keystore_type: str = "JKS"
    """JKS, PKCS12 or PEM; what the file is, is told by its first bytes."""
    private_key: str | None = None
    """URL of a key in PEM."""
    certificates: str | None = None
    """URL of the certificate chain in PEM."""
    secret: str | None = field(default=None, repr=False)
    """Password of the key store or of the key."""
    key_secret: str | None = field(default=None, repr=False)
    """Password of the key in a JKS store, when it is another than the store's."""
    protocols: tuple[str, ...] = ()
    """Allowed protocols (TLSv1.2, TLSv1.3); empty for TLS 1.2 and newer."""
    suites: Suites = ANY_SUITE
    """Allowed cipher suites by Java's names or OpenSSL's, the server's preference first; empty for the library's choice."""
    client_auth: ClientAuthSettings | None = None
    """Whether and how clients show certificates."""
    place: Place = NOWHERE
    """The place of the block, for error messages."""

    @property
    def offered(self) -> bool:
        return self.implicit or self.starttls


def read_tls_settings(section: Settings | None, place: Place) -> TlsSettings:
    """Reads the block; None gives a server without TLS."""
    if section is None:
        return TlsSettings(place=place)
    suites = section.strings("supportedCipherSuites/cipherSuite")
    protocols = section.strings("supportedProtocols/protocol")
    read = TlsSettings(
        implicit=section.boolean("socketTLS", False),
        starttls=section.boolean("startTLS", False),
        keystore=section.text("keystore", None),
        keystore_type=section.parsed("keystoreType", "JKS", _store_type),
        private_key=section.text("privateKey", None),
        certificates=section.text("certificates", None),
        secret=section.text("secret", None),
        key_secret=section.text("keySecret", None),
        protocols=_protocols(section, protocols),
        suites=_suites(section, suites),
        client_auth=_client_auth(section.section("clientAuth"), section.boolean("enableOCSPCRLChecks", False)),
        place=section.place,
    )
    if read.client_auth is None and section.boolean("enableOCSPCRLChecks", False):
        section.problems.warning(
            section.place_of("enableOCSPCRLChecks"),
            "enableOCSPCRLChecks has no effect without clientAuth: there is no certificate to check",
        )
    if read.implicit and read.starttls:
        section.error("socketTLS and startTLS can't both be true")
    if read.offered and not read.keystore and not (read.private_key and read.certificates):
        section.error("TLS needs a keystore, or privateKey and certificates")
    if read.keystore and (read.private_key or read.certificates):
        section.error("TLS takes its key from a keystore, or from privateKey and certificates, not from both")
    section.ignored("provider", "algorithm", "sessionCache/size", "sessionCache/timeout")
    if section.has("sessionCache"):
        section.problems.warning(
            section.place_of("sessionCache"),
            "sessionCache has no effect: the TLS library keeps sessions in tickets, whose number and age it decides itself",
        )
    return read


def _store_type(text: str) -> str:
    if text.upper() not in STORE_TYPES:
        raise InvalidArgument(f"{text!r} is none of {', '.join(STORE_TYPES)}{nearest(text, STORE_TYPES)}")
    return text.upper()


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


def _client_auth(section: Settings | None, revocations: bool) -> ClientAuthSettings | None:
    if section is None:
        return None
    written = section.body.lower()
    if written and written not in _CLIENT_CERTIFICATE:
        section.error(
            f"clientAuth: {written!r} is neither need nor want; without the element no certificate is asked for"
        )
    read = ClientAuthSettings(
        certificate=section.choice(
            "certificate", _CLIENT_CERTIFICATE.get(written, ClientCertificate.NEED), _CLIENT_CERTIFICATE
        ),
        truststore=section.text("truststore", None),
        truststore_type=section.parsed("truststoreType", "JKS", _store_type),
        truststore_secret=section.text("truststoreSecret", None),
        crls=tuple(section.strings("crl")),
    )
    if read.truststore is None:
        section.problems.warning(
            section.place, "without a truststore every certificate of an authority that the system trusts is taken"
        )
    if revocations and not read.crls:
        section.error(
            "enableOCSPCRLChecks needs the authorities' lists of revoked certificates: Python's ssl cannot fetch them, "
            "name the files in <crl>"
        )
    elif revocations:
        section.problems.warning(
            section.place,
            "OCSP is not asked, and lists of revoked certificates are not fetched: keep the files of <crl> up to date",
        )
    return read
