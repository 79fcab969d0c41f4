"""What signed and encrypted content have in common (RFC 5652): how they are wrapped, and how they name a certificate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from compostela.base.errors import CompostelaError
from compostela.core.keystores import der
from compostela.core.smime.ber import to_der

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SET = 0x31
CONTEXT_0_PRIMITIVE = 0x80
CONTEXT_1 = 0xA1
MAX_CERTIFICATES = 50
"""Of one message."""
DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
ENVELOPED_DATA = "1.2.840.113549.1.7.3"
AUTHENTICATED_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23"


class CmsError(CompostelaError):
    """The octets are not such a message, or use what is not supported."""


class Algorithm(NamedTuple):
    """AlgorithmIdentifier; `parameters` are one DER element or nothing."""

    name: str
    parameters: bytes


def open_content(octets: bytes) -> tuple[str, bytes]:
    """The type and the content of the outermost ContentInfo (§3), the content in DER. Raises `DerError`."""
    info = der.expect(to_der(octets), der.SEQUENCE).content
    kind = der.expect(info, der.OBJECT_IDENTIFIER)
    inner = der.expect(kind.rest, der.CONTEXT_0).content
    return dotted(kind.content), der.expect(inner, der.SEQUENCE).content


def elements(octets: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content and encoding of each of the elements that follow each other. Raises `DerError`."""
    while octets:
        element = der.read(octets)
        yield element.tag, element.content, octets[: len(octets) - len(element.rest)]
        octets = element.rest


def algorithm(content: bytes) -> Algorithm:
    """Of the content of an AlgorithmIdentifier. Raises `DerError`."""
    name = der.expect(content, der.OBJECT_IDENTIFIER)
    return Algorithm(dotted(name.content), name.rest)


def dotted(content: bytes) -> str:
    """An object identifier as text (X.690 §8.19)."""
    numbers, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        raise der.DerError("an object identifier without octets")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def is_named(identifier: bytes, certificate: "Certificate") -> bool:
    """Whether a SignerIdentifier or RecipientIdentifier, one DER element, names the certificate by issuer and serial number or by its
    subject key identifier (§5.3, §6.2.1). Raises `DerError`."""
    from cryptography import x509

    name = der.read(identifier)
    if name.tag == der.SEQUENCE:
        return name.content == _issuer_and_serial(certificate)
    try:
        key = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return False
    return name.tag == CONTEXT_0_PRIMITIVE and name.content == key


def _issuer_and_serial(certificate: "Certificate") -> bytes:
    fields = list(elements(der.expect(certificate.tbs_certificate_bytes, der.SEQUENCE).content))
    at = 1 if fields[0][0] == der.CONTEXT_0 else 0
    return fields[at + 2][2] + fields[at][2]
