"""What `cryptography` does not tell of a PKCS#12 store: that it has several private keys, as Java's often have (RFC 7292 §4)."""

from collections.abc import Iterator

from compostela.core.keystores import der

_DATA = bytes.fromhex("2a864886f70d010701")
"""1.2.840.113549.1.7.1, content that is not encrypted as a whole."""
_PROTECTED_KEY = bytes.fromhex("2a864886f70d010c0a0102")
"""1.2.840.113549.1.12.10.1.2, pkcs8ShroudedKeyBag."""


def protected_keys(store: bytes) -> list[bytes]:
    """The private keys that are encrypted one by one, as Java and OpenSSL write them: EncryptedPrivateKeyInfo in DER
    (RFC 5208 §6). Empty for a store with another layout or a damaged one."""
    try:
        pfx = der.expect(store, der.SEQUENCE).content
        contents = _data_of(der.read(pfx).rest)
        return [key for content in _elements(contents) for key in _keys_of(content)]
    except der.DerError:
        return []


def _keys_of(content: bytes) -> Iterator[bytes]:
    if der.expect(content, der.OBJECT_IDENTIFIER).content != _DATA:
        return
    octets = der.expect(der.expect(der.read(content).rest, der.CONTEXT_0).content, der.OCTET_STRING).content
    for bag in _elements(octets):
        kind = der.expect(bag, der.OBJECT_IDENTIFIER)
        if kind.content == _PROTECTED_KEY:
            yield der.expect(kind.rest, der.CONTEXT_0).content


def _data_of(content_info: bytes) -> bytes:
    kind = der.expect(der.expect(content_info, der.SEQUENCE).content, der.OBJECT_IDENTIFIER)
    if kind.content != _DATA:
        raise der.DerError("a store that is signed instead of having a password")
    return der.expect(der.expect(kind.rest, der.CONTEXT_0).content, der.OCTET_STRING).content


def _elements(sequence: bytes) -> Iterator[bytes]:
    """The contents of the sequences in a sequence."""
    left = der.expect(sequence, der.SEQUENCE).content
    while left:
        element = der.expect(left, der.SEQUENCE)
        yield element.content
        left = element.rest
