"""Verifying: SignedData (RFC 5652 §5), and whether its signers are trusted (RFC 8550 §4)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from compostela.core.keystores import der
from compostela.core.smime.cms import (
    DATA,
    MAX_CERTIFICATES,
    SET,
    SIGNED_DATA,
    Algorithm,
    CmsError,
    algorithm,
    dotted,
    elements,
    is_named,
    open_content,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm
    from cryptography.x509 import Certificate
    from cryptography.x509.verification import Policy

MAX_SIGNERS = 10
"""Of one message; one with more is not verified."""
_DIGESTS = {
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""MD5 and SHA-1 are no longer safe (RFC 8551 Appendix B)."""
_IMPLIED = {
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
"""Signature algorithms that name their digest; others have the signer's."""
_PSS = "1.2.840.113549.1.1.10"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"


@dataclass(frozen=True, slots=True)
class Signer:
    """One signer of a message. `certificate` (DER) is None if the message does not have it; then the signature cannot be valid."""

    certificate: bytes | None
    is_valid: bool
    """The signature is that of the content with the key of the certificate."""
    is_trusted: bool
    """A trusted certificate vouches for the signer's, which is for mail and in its time."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature says. `content` is what was signed."""

    signers: tuple[Signer, ...]
    content: bytes


def verify(octets: bytes, detached: bytes | None, trusted: Sequence[bytes], now: float) -> Signed:
    """Check all signers of SignedData, given in BER. `detached` is the content of a signature that lies apart; None for one with its
    content inside. `trusted` are certificates in DER, `now` is in epoch seconds. Revocation is not looked at. Blocks: for a thread.
    Raises `CmsError`."""
    try:
        return _verify(octets, detached, trusted, now)
    except (ValueError, IndexError) as error:  # a DerError is a ValueError, as is a wrong number of elements
        raise CmsError(f"the signature is damaged: {error}") from error


def _verify(octets: bytes, detached: bytes | None, trusted: Sequence[bytes], now: float) -> Signed:
    kind, content = open_content(octets)
    if kind != SIGNED_DATA:
        raise CmsError("the content is not signed")
    fields = list(elements(content))
    inner = der.expect(der.expect(fields[2][2], der.SEQUENCE).content, der.OBJECT_IDENTIFIER)
    signed = detached
    if signed is None:
        signed = der.expect(der.expect(inner.rest, der.CONTEXT_0).content, der.OCTET_STRING).content
    certificates = _certificates(next((one for tag, one, _ in fields[3:] if tag == der.CONTEXT_0), b""))
    infos = list(elements(next(one for tag, one, _ in reversed(fields) if tag == SET)))
    if len(infos) > MAX_SIGNERS:
        raise CmsError(f"there are more than {MAX_SIGNERS} signers")
    signers = [_signer(info, signed, dotted(inner.content), certificates) for _, info, _ in infos]
    return Signed(tuple(_judged(one, valid, certificates, trusted, now) for one, valid in signers), signed)


def _certificates(octets: bytes) -> "list[Certificate]":
    from cryptography import x509

    encoded = [raw for tag, _, raw in elements(octets) if tag == der.SEQUENCE]
    if len(encoded) > MAX_CERTIFICATES:
        raise CmsError(f"there are more than {MAX_CERTIFICATES} certificates")
    return [x509.load_der_x509_certificate(one) for one in encoded]


def _signer(
    info: bytes, content: bytes, kind: str, certificates: "list[Certificate]"
) -> "tuple[Certificate | None, bool]":
    fields = list(elements(info))
    attributes = fields.pop(3) if fields[3][0] == der.CONTEXT_0 else None
    certificate = next((one for one in certificates if is_named(fields[1][2], one)), None)
    digest = _DIGESTS.get(algorithm(fields[2][1]).name)
    if certificate is None or digest is None:
        return certificate, False
    how, signature = algorithm(fields[3][1]), der.expect(fields[4][2], der.OCTET_STRING).content
    if attributes is None:
        # §5.3: only plain data may be signed without attributes
        return certificate, kind == DATA and _holds(certificate, how, digest, signature, content)
    noted = dict(_attributes(attributes[1]))
    if noted.get(_MESSAGE_DIGEST) != hashlib.new(digest, content).digest():
        return certificate, False
    if dotted(noted.get(_CONTENT_TYPE, b"")) != kind:
        return certificate, False
    # §5.4: what is signed is a SET, not the implicitly tagged field
    return certificate, _holds(certificate, how, digest, signature, bytes((SET,)) + attributes[2][1:])


def _attributes(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the attributes with one value."""
    for _, content, _ in elements(octets):
        name = der.expect(content, der.OBJECT_IDENTIFIER)
        values = list(elements(der.expect(name.rest, SET).content))
        if len(values) == 1:
            yield dotted(name.content), values[0][1]


def _holds(certificate: "Certificate", how: Algorithm, digest: str, signature: bytes, octets: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    chosen: HashAlgorithm = getattr(hashes, _IMPLIED.get(how.name, digest).upper())()
    try:
        match certificate.public_key():
            case rsa.RSAPublicKey() as key if how.name == _PSS:
                chosen = _digest_of_pss(how) or chosen
                pss = padding.PSS(padding.MGF1(chosen), padding.PSS.AUTO)
                key.verify(signature, octets, pss, chosen)
            case rsa.RSAPublicKey() as key:
                key.verify(signature, octets, padding.PKCS1v15(), chosen)
            case ec.EllipticCurvePublicKey() as key:
                key.verify(signature, octets, ec.ECDSA(chosen))
            case (ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey()) as key:
                key.verify(signature, octets)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _digest_of_pss(how: Algorithm) -> "HashAlgorithm | None":
    """RFC 4055 §3.1. None for SHA-1, the default."""
    from cryptography.hazmat.primitives import hashes

    for tag, content, _ in elements(der.expect(how.parameters, der.SEQUENCE).content):
        if tag == der.CONTEXT_0:
            name = _DIGESTS.get(algorithm(der.expect(content, der.SEQUENCE).content).name)
            return None if name is None else getattr(hashes, name.upper())()
    return None


def _judged(
    certificate: "Certificate | None", is_valid: bool, others: "list[Certificate]", trusted: Sequence[bytes], now: float
) -> Signer:
    from cryptography.hazmat.primitives.serialization import Encoding

    if certificate is None:
        return Signer(None, False, False)
    encoded = certificate.public_bytes(Encoding.DER)
    return Signer(encoded, is_valid, is_valid and is_trusted(certificate, others, trusted, now))


def is_trusted(certificate: "Certificate", others: "list[Certificate]", trusted: Sequence[bytes], now: float) -> bool:
    """Whether the certificate of a signer of mail is one of the trusted ones, or a chain over `others` leads to one of them, each in its
    time. Chains have RSA keys of 2048 bits or more, or keys on P-256, P-384 or P-521, and no signature with SHA-1."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import verification

    moment = datetime.fromtimestamp(now, UTC)
    if not _is_for_mail(certificate) or not trusted:
        return False
    if certificate.public_bytes(Encoding.DER) in trusted:
        return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc
    authorities = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.AGNOSTIC, _is_authority
    )
    policy = (
        verification.PolicyBuilder()
        .store(verification.Store([x509.load_der_x509_certificate(one) for one in trusted]))
        .time(moment)
        .extension_policies(ca_policy=authorities, ee_policy=verification.ExtensionPolicy.permit_all())
    )
    try:
        policy.build_client_verifier().verify(certificate, others)
    except verification.VerificationError:
        return False
    return True


def _is_authority(_policy: "Policy", _certificate: "Certificate", extension: object) -> None:
    from cryptography.x509 import BasicConstraints

    if not isinstance(extension, BasicConstraints) or not extension.ca:
        raise ValueError("the certificate is not that of an authority")


def _is_for_mail(certificate: "Certificate") -> bool:
    """RFC 8550 §4.4.2 and §4.4.4."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        present = {type(one.value): one.value for one in certificate.extensions}
    except ValueError:
        return False
    usages, extended = present.get(x509.KeyUsage), present.get(x509.ExtendedKeyUsage)
    if isinstance(usages, x509.KeyUsage) and not (usages.digital_signature or usages.content_commitment):
        return False
    wanted = (ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return not isinstance(extended, x509.ExtendedKeyUsage) or any(one in extended for one in wanted)
