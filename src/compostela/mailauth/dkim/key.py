"""Key records (RFC 6376 §3.6.1, RFC 8463 §4), and checking with the key."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from compostela.mailauth.dkim.signature import Algorithm, Signature
from compostela.mailauth.dkim.tags import DkimSyntaxError, parse_base64, parse_list, parse_tags

MIN_RSA_BITS, MAX_RSA_BITS = 1024, 8192
"""RFC 8301 §3.2: less is no proof; far more than the 4096 that must be known is only work."""
_HASH = "sha256"

Verifier = Callable[[bytes, bytes], bool]
"""Whether a signature, the first, is that of these octets."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A public key that is not revoked, with its restrictions."""

    key_type: str
    octets: bytes
    testing: bool = False
    """t=y: the domain only tries DKIM out."""
    exact_domain: bool = False
    """t=s: i= may have no subdomain."""
    hashes: tuple[str, ...] = ()
    """h=; empty for all."""
    services: tuple[str, ...] = ("*",)


def parse_key(text: str) -> KeyRecord:
    """Raises `DkimSyntaxError`."""
    tags = parse_tags(text)
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise DkimSyntaxError("the key record is not of this version")
    if "p" not in tags:
        raise DkimSyntaxError("the key record has no key")
    if not tags["p"]:
        raise DkimSyntaxError("the key is revoked")
    flags = parse_list(tags.get("t", ""))
    return KeyRecord(
        key_type=tags.get("k", "rsa").lower(),
        octets=parse_base64(tags["p"], "p"),
        testing="y" in flags,
        exact_domain="s" in flags,
        hashes=tuple(name.lower() for name in parse_list(tags["h"])) if "h" in tags else (),
        services=tuple(name.lower() for name in parse_list(tags.get("s", "*"))),
    )


def verifier_of(key: KeyRecord, signature: Signature) -> Verifier:
    """Raises `DkimSyntaxError` when the key may not be used for this signature (§6.1.2), or is none."""
    if key.key_type != signature.algorithm.key_type:
        raise DkimSyntaxError(f"the key is not one for {signature.algorithm.value}")
    if key.hashes and _HASH not in key.hashes:
        raise DkimSyntaxError(f"the key is not for {_HASH}")
    if not {"*", "email"} & set(key.services):
        raise DkimSyntaxError("the key is not for mail")
    if key.exact_domain and signature.identity_domain != signature.domain:
        raise DkimSyntaxError("the key is not for subdomains")
    return _ed25519(key.octets) if signature.algorithm is Algorithm.ED25519 else _rsa(key.octets)


def _rsa(octets: bytes) -> Verifier:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DkimSyntaxError("the key cannot be read") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise DkimSyntaxError("the key is not of RSA")
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise DkimSyntaxError(f"a key of {key.key_size} bits is not accepted")

    def verify(signature: bytes, data: bytes) -> bool:
        try:
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    return verify


def _ed25519(octets: bytes) -> Verifier:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(octets)
    except ValueError as error:
        raise DkimSyntaxError("the key cannot be read") from error

    def verify(signature: bytes, data: bytes) -> bool:
        try:
            # the hash is what is signed (RFC 8463 §3)
            key.verify(signature, hashlib.sha256(data).digest())
        except InvalidSignature:
            return False
        return True

    return verify
