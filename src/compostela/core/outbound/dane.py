"""TLSA records for SMTP (RFC 6698, RFC 7672): what they say, and whether a certificate matches one."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from hmac import compare_digest

DANE_TA, DANE_EE = 2, 3
_FULL, _SHA_256, _SHA_512 = 0, 1, 2
_LENGTHS = {_SHA_256: 32, _SHA_512: 64}
_CERTIFICATE, _PUBLIC_KEY = 0, 1


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """One record; `data` is a digest, or a whole certificate or key in DER."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @classmethod
    def parse(cls, text: str) -> "TlsaRecord | None":
        """Read the presentation form (RFC 6698 §2.2). None if it is malformed."""
        words = text.split(maxsplit=3)
        try:
            usage, selector, matching = map(int, words[:3])
            return cls(usage, selector, matching, bytes.fromhex(words[3]))
        except (ValueError, IndexError):
            return None

    @property
    def is_usable(self) -> bool:
        """Whether it can authenticate an SMTP server: usages 2 and 3 alone (RFC 7672 §3.1.3), and forms that are known."""
        return (
            self.usage in (DANE_TA, DANE_EE)
            and self.selector in (_CERTIFICATE, _PUBLIC_KEY)
            and (self.matching == _FULL or len(self.data) == _LENGTHS.get(self.matching))
        )

    def matches(self, certificate: bytes) -> bool:
        """Whether the record is of this certificate, in DER (RFC 6698 §2.1)."""
        chosen = certificate if self.selector == _CERTIFICATE else _public_key(certificate)
        if self.matching == _SHA_256:
            chosen = sha256(chosen).digest()
        elif self.matching == _SHA_512:
            chosen = sha512(chosen).digest()
        return compare_digest(chosen, self.data)

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


def trust_anchor_of(records: Sequence[TlsaRecord], chain: Sequence[bytes]) -> bytes | None:
    """The certificate of a presented chain (DER, the server's own first) that a record of usage 2 names (RFC 7672 §3.1.2). None
    if there is none."""
    for certificate in chain:
        if any(record.usage == DANE_TA and record.matches(certificate) for record in records):
            return certificate
    return None


def is_end_entity(records: Sequence[TlsaRecord], certificate: bytes) -> bool:
    """Whether a record of usage 3 names the server's own certificate. Its names and its dates do not count (RFC 7672 §3.1.1)."""
    return any(record.usage == DANE_EE and record.matches(certificate) for record in records)


def _public_key(certificate: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    try:
        key = load_der_x509_certificate(certificate).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        return b""
