"""Java's key stores of the type JKS: a reader.

The format is the JDK's own (`sun.security.provider.JavaKeyStore`): magic, version, entries, and a SHA-1 digest over the
password and everything before it. A private key is hidden by a key stream of SHA-1 digests that begin with a salt
(`sun.security.provider.KeyProtector`). Neither is what one would choose today; the file's rights protect it. Every length is
checked against what is there, so a hostile file costs no more than its size.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass

from compostela.core.keystores import der
from compostela.core.keystores.errors import KeyStoreError

JKS_MAGIC = b"\xfe\xed\xfe\xed"
_KEY, _CERTIFICATE = 1, 2
_VERSIONS = (1, 2)
_WHITENER = b"Mighty Aphrodite"
_DIGEST_BYTES = 20
_PROTECTION = bytes.fromhex("2b060104012a02110101")
"""1.3.6.1.4.1.42.2.17.1.1, the key protector of the JDK."""
MAX_ENTRIES = 10_000
MAX_CHAIN = 100


@dataclass(frozen=True, slots=True)
class JksKey:
    """A private key under its protection, and its certificates in DER, its own first."""

    alias: str
    protected: bytes
    chain: tuple[bytes, ...]

    def recover(self, password: str) -> bytes:
        """The key in clear, PKCS#8 DER. Raises `KeyStoreError`."""
        try:
            info = der.expect(self.protected, der.SEQUENCE).content
            algorithm, octets = der.expect(info, der.SEQUENCE), der.expect(info, der.SEQUENCE).rest
            name = der.expect(algorithm.content, der.OBJECT_IDENTIFIER).content
            hidden = der.expect(octets, der.OCTET_STRING).content
        except der.DerError as error:
            raise KeyStoreError(f"the key {self.alias!r} is damaged") from error
        if name != _PROTECTION:
            raise KeyStoreError(
                f"the key {self.alias!r} is protected in a way that only Java knows: convert the store to PKCS12"
            )
        if len(hidden) < 2 * _DIGEST_BYTES:
            raise KeyStoreError(f"the key {self.alias!r} is damaged")
        return self._uncover(hidden, password.encode("utf-16-be"))

    def _uncover(self, hidden: bytes, password: bytes) -> bytes:
        digest, body, check = hidden[:_DIGEST_BYTES], hidden[_DIGEST_BYTES:-_DIGEST_BYTES], hidden[-_DIGEST_BYTES:]
        stream = bytearray()
        while len(stream) < len(body):
            digest = hashlib.sha1(password + digest, usedforsecurity=False).digest()
            stream += digest
        key = (int.from_bytes(body, "big") ^ int.from_bytes(stream[: len(body)], "big")).to_bytes(len(body), "big")
        if not hmac.compare_digest(hashlib.sha1(password + key, usedforsecurity=False).digest(), check):
            raise KeyStoreError(
                f"the key {self.alias!r} has another password than the key store: give it in <keySecret>"
            )
        return key


@dataclass(frozen=True, slots=True)
class JksStore:
    """What a store holds: keys with their chains, and trusted certificates in DER."""

    keys: tuple[JksKey, ...]
    trusted: tuple[bytes, ...]


def read_jks(data: bytes, password: str | None) -> JksStore:
    """Reads a store whole. Without a password its integrity is not checked, as in Java. Raises `KeyStoreError`."""
    if password is not None:
        _check(data, password)
    reader = _Reader(data[:-_DIGEST_BYTES])
    if reader.take(4) != JKS_MAGIC:
        raise KeyStoreError("this is not a key store of the type JKS")
    version, count = reader.number(), reader.number()
    if version not in _VERSIONS:
        raise KeyStoreError(f"version {version} of the type JKS is not known")
    if count > MAX_ENTRIES:
        raise KeyStoreError(f"the key store has more than {MAX_ENTRIES} entries")
    keys: list[JksKey] = []
    trusted: list[bytes] = []
    for _ in range(count):
        kind, alias = reader.number(), reader.text()
        reader.take(8)  # the time of its making
        if kind == _KEY:
            protected, links = reader.octets(), reader.number()
            if links > MAX_CHAIN:
                raise KeyStoreError(f"the key {alias!r} has more than {MAX_CHAIN} certificates")
            keys.append(JksKey(alias, protected, tuple(reader.certificate(version) for _ in range(links))))
        elif kind == _CERTIFICATE:
            trusted.append(reader.certificate(version))
        else:
            raise KeyStoreError("the key store is damaged")
    return JksStore(tuple(keys), tuple(trusted))


def _check(data: bytes, password: str) -> None:
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    wanted = hashlib.sha1(password.encode("utf-16-be") + _WHITENER + body, usedforsecurity=False).digest()
    if not hmac.compare_digest(digest, wanted):
        raise KeyStoreError("the password of the key store is wrong, or the file is damaged")


class _Reader:
    """Java's DataInputStream, that never reads beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise KeyStoreError("the key store is cut off")
        self._at += count
        return taken

    def number(self) -> int:
        (number,) = struct.unpack(">I", self.take(4))
        return int(number)

    def octets(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.take(int.from_bytes(self.take(2), "big")).decode("utf-8", "replace")

    def certificate(self, version: int) -> bytes:
        if version > 1 and self.text() not in ("X.509", "X509"):
            raise KeyStoreError("the key store has a certificate that is not X.509")
        return self.octets()
