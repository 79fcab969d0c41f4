"""Decrypting: EnvelopedData (RFC 5652 §6) and AuthEnvelopedData (RFC 5083) whose key is encrypted for an RSA key."""

from typing import TYPE_CHECKING

from compostela.core.keystores import der
from compostela.core.smime.ber import joined_octets
from compostela.core.smime.cms import (
    AUTHENTICATED_ENVELOPED_DATA,
    CONTEXT_0_PRIMITIVE,
    CONTEXT_1,
    ENVELOPED_DATA,
    SET,
    Algorithm,
    CmsError,
    algorithm,
    elements,
    is_named,
    open_content,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

MAX_RECIPIENTS = 1000
_RSA, _OAEP = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.7"
_TRIPLE_DES = "1.2.840.113549.3.7"
_AES_CBC = {f"2.16.840.1.101.3.4.1.{arc}" for arc in (2, 22, 42)}
_AES_GCM = {f"2.16.840.1.101.3.4.1.{arc}" for arc in (6, 26, 46)}
_DIGESTS = {
    "1.3.14.3.2.26": "SHA1",
    "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384",
    "2.16.840.1.101.3.4.2.3": "SHA512",
}


def decrypt(octets: bytes, key: "RSAPrivateKey", certificate: "Certificate") -> bytes:
    """The content, which was encrypted for the certificate: with AES in CBC or GCM mode or with Triple DES, its key with RSA (PKCS #1 1.5
    or OAEP). `octets` are BER. Blocks: for a thread. Raises `CmsError`."""
    try:
        return _decrypt(octets, key, certificate)
    except (ValueError, IndexError) as error:  # a DerError is a ValueError, as is a wrong number of elements
        raise CmsError(f"the encrypted content is damaged: {error}") from error


def _decrypt(octets: bytes, key: "RSAPrivateKey", certificate: "Certificate") -> bytes:
    kind, content = open_content(octets)
    if kind not in (ENVELOPED_DATA, AUTHENTICATED_ENVELOPED_DATA):
        raise CmsError("the content is not encrypted")
    fields = [one for one in elements(content) if one[0] != der.CONTEXT_0]
    content_key = _content_key(der.expect(fields[1][2], SET).content, key, certificate)
    _, (_, how, _), (tag, data, _) = elements(der.expect(fields[2][2], der.SEQUENCE).content)
    if tag == der.CONTEXT_0:
        data = joined_octets(data)
    elif tag != CONTEXT_0_PRIMITIVE:
        raise der.DerError("there is no encrypted content")
    chosen = algorithm(how)
    if kind == ENVELOPED_DATA:
        return _cbc(chosen, content_key, data)
    attributes = next((raw for tag, _, raw in fields[3:] if tag == CONTEXT_1), b"")
    mac = b"".join(one for tag, one, _ in fields[3:] if tag == der.OCTET_STRING)
    return _gcm(chosen, content_key, data + mac, bytes((SET,)) + attributes[1:] if attributes else b"")


def _content_key(recipients: bytes, key: "RSAPrivateKey", certificate: "Certificate") -> bytes:
    for number, (tag, content, _) in enumerate(elements(recipients)):
        if number >= MAX_RECIPIENTS:
            break
        if tag != der.SEQUENCE:
            continue
        _, (_, _, name), (_, how, _), (_, protected, _) = elements(content)
        if is_named(name, certificate):
            try:
                return key.decrypt(protected, _padding(algorithm(how)))
            except ValueError as error:
                raise CmsError("the key of the content cannot be decrypted") from error
    raise CmsError("the content is not encrypted for this certificate")


def _padding(how: Algorithm) -> "AsymmetricPadding":
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if how.name == _RSA:
        return padding.PKCS1v15()
    if how.name != _OAEP:
        raise CmsError(f"the algorithm {how.name} for the key of the content is not supported")
    digest = mask = "1.3.14.3.2.26"
    # RFC 4055 §4.1
    for tag, content, _ in elements(der.expect(how.parameters, der.SEQUENCE).content if how.parameters else b""):
        given = algorithm(der.expect(content, der.SEQUENCE).content)
        if tag == der.CONTEXT_0:
            digest = given.name
        elif tag == CONTEXT_1:
            mask = algorithm(der.expect(given.parameters, der.SEQUENCE).content).name
        else:
            raise CmsError("labels of OAEP are not supported")
    for name in (digest, mask):
        if name not in _DIGESTS:
            raise CmsError(f"the digest {name} for the key of the content is not supported")
    chosen: list[hashes.HashAlgorithm] = [getattr(hashes, _DIGESTS[name])() for name in (digest, mask)]
    return padding.OAEP(padding.MGF1(chosen[1]), chosen[0], None)


def _cbc(how: Algorithm, key: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    vector = der.expect(how.parameters, der.OCTET_STRING).content
    try:
        if how.name in _AES_CBC:
            cipher: algorithms.AES | TripleDES = algorithms.AES(key)
        elif how.name == _TRIPLE_DES:
            cipher = TripleDES(key)
        else:
            raise CmsError(f"the cipher {how.name} is not supported")
        decryptor = Cipher(cipher, modes.CBC(vector)).decryptor()
        padded = decryptor.update(data) + decryptor.finalize()
        unpadder = PKCS7(cipher.block_size).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise CmsError("the content cannot be decrypted") from error


def _gcm(how: Algorithm, key: bytes, data: bytes, attributes: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if how.name not in _AES_GCM:
        raise CmsError(f"the cipher {how.name} is not supported")
    nonce = der.expect(der.expect(how.parameters, der.SEQUENCE).content, der.OCTET_STRING).content
    try:
        return AESGCM(key).decrypt(nonce, data, attributes)
    except (InvalidTag, ValueError) as error:
        raise CmsError("the content cannot be decrypted") from error
