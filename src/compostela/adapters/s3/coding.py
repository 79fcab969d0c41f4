"""How the octets of an object are made from those of a body: compressed, then encrypted, each if it is asked for.

The id of a blob says what was done to it, so settings may be changed while old objects stay. The form of encrypted objects is our own:
twelve octets of nonce, then AES-256-GCM with the plain name of the object as associated data, so that no object passes as another.
"""

import os

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from compostela.adapters.s3.settings import BlobEncryption, BlobSettings, KeyDerivation
from compostela.base.errors import TemporaryFailure

PLAIN = ""
COMPRESSED = "z"
ENCRYPTED = "a"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_ITERATIONS = 65536


class BlobCoding:
    """Slow for large bodies: called in a thread."""

    def __init__(self, settings: BlobSettings) -> None:
        self._settings = settings
        self._cipher = None if settings.encryption is None else AESGCM(_key(settings.encryption))

    @property
    def is_plain(self) -> bool:
        """Whether objects are the octets of their bodies."""
        return self._cipher is None and not self._settings.is_compressing

    def encode(self, data: bytes, name: str) -> tuple[str, bytes]:
        """What was done, and the octets of the object."""
        coding = PLAIN
        if self._settings.is_compressing and len(data) >= self._settings.compression_threshold:
            compressed = zstandard.ZstdCompressor(write_content_size=True).compress(data)
            if len(compressed) <= len(data) * self._settings.compression_ratio:
                coding, data = COMPRESSED, compressed
        if self._cipher is not None:
            nonce = os.urandom(_NONCE_BYTES)
            coding, data = coding + ENCRYPTED, nonce + self._cipher.encrypt(nonce, data, name.encode())
        return coding, data

    def decode(self, coding: str, data: bytes, name: str, size: int) -> bytes:
        """The `size` octets of the body. Raises `TemporaryFailure` if they cannot be had."""
        if ENCRYPTED in coding:
            if self._cipher is None:
                raise TemporaryFailure("a body is encrypted, but blob.properties has no encryption.aes.password")
            try:
                data = self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name.encode())
            except InvalidTag as error:
                raise TemporaryFailure("a body is damaged, or encrypted with another password or salt") from error
        if COMPRESSED in coding:
            try:
                # looked at first: a damaged frame must not ask for any amount of memory
                if zstandard.frame_content_size(data) != size:
                    raise TemporaryFailure("a compressed body is damaged")
                data = zstandard.ZstdDecompressor().decompress(data)
            except zstandard.ZstdError as error:
                raise TemporaryFailure("a compressed body is damaged") from error
        if len(data) != size:
            raise TemporaryFailure("a body was cut in the store")
        return data


def _key(encryption: BlobEncryption) -> bytes:
    digest = SHA512() if encryption.derivation is KeyDerivation.PBKDF2_SHA512 else SHA256()
    return PBKDF2HMAC(digest, _KEY_BYTES, encryption.salt, _ITERATIONS).derive(encryption.password.encode())
