"""Keys and certificates of people who write S/MIME, and the program `openssl` as their mail program."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.programs import needs

SECRET = "changeit"
needs_openssl = needs("openssl")
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
FOR_MAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION


@dataclass(frozen=True, slots=True)
class Party:
    """A key with its certificate."""

    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def store(self, path: Path, *others: "Party") -> str:
        """Writes a PKCS #12 store with the alias `one`; returns its name."""
        certificates = [one.certificate for one in others]
        # few rounds: each reader of the store needs as many
        secured = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(100).build(SECRET.encode())
        path.write_bytes(
            pkcs12.serialize_key_and_certificates(b"one", self.key, self.certificate, certificates, secured)
        )
        return str(path)


def party(
    name: str,
    issuer: Party | None = None,
    *,
    address: str = "",
    is_authority: bool = False,
    usage: ObjectIdentifier = FOR_MAIL,
    days: int = 30,
    kind: str = "RSA",
) -> Party:
    """Somebody with a new key. Without issuer the certificate is signed with its own key; it is in its time from yesterday for `days`."""
    key: Key = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.now(UTC) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if address:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
    return Party(key, builder.sign(key if issuer is None else issuer.key, SHA256()))


class OpenSsl:
    """`openssl cms` in a folder that has the files of these parties, named as they are."""

    def __init__(self, folder: Path, **parties: Party) -> None:
        self._folder = folder
        for name, one in parties.items():
            (folder / f"{name}.pem").write_bytes(one.pem)
            (folder / f"{name}.key").write_bytes(one.key_pem)

    def cms(self, octets: bytes, *arguments: str) -> bytes:
        return subprocess.run(
            ["openssl", "cms", *arguments], cwd=self._folder, input=octets, check=True, capture_output=True, timeout=60
        ).stdout
