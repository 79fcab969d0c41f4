"""Java's key stores: what keytool wrote, and what an attacker might write."""

import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given, settings
from hypothesis import strategies as st

from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.jks import JKS_MAGIC, read_jks
from tests.unit.net.tls.files import FOLDER, SECRET

RSA = (FOLDER / "rsa.jks").read_bytes()


def signed(body: bytes, password: str = SECRET) -> bytes:
    """A body with the digest that keytool would have written."""
    return body + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


@pytest.mark.parametrize("name", ["rsa.jks", "ec.jks", "chain.jks"])
def test_a_key_and_its_chain_come_out(name: str) -> None:
    (entry,) = read_jks((FOLDER / name).read_bytes(), SECRET).keys
    key = load_der_private_key(entry.recover(SECRET), None)
    certificates = [load_der_x509_certificate(one) for one in entry.chain]
    assert entry.alias == "james"
    assert key.public_key() == certificates[0].public_key()
    assert len(certificates) == (3 if name == "chain.jks" else 1)


def test_trusted_certificates_come_out() -> None:
    (trusted,) = read_jks((FOLDER / "trust.jks").read_bytes(), "trusted").trusted
    assert trusted == (FOLDER / "trust.der").read_bytes()


def test_several_keys_come_out() -> None:
    assert [one.alias for one in read_jks((FOLDER / "both.jks").read_bytes(), SECRET).keys] == ["ec", "rsa"]


def test_a_wrong_password_is_told() -> None:
    with pytest.raises(KeyStoreError, match="password of the key store is wrong"):
        read_jks(RSA, "wrong")


def test_without_a_password_integrity_is_not_checked() -> None:
    assert len(read_jks(RSA, None).keys) == 1


def test_a_key_with_a_password_of_its_own() -> None:
    (entry,) = read_jks((FOLDER / "two-passwords.jks").read_bytes(), "store-secret").keys
    assert load_der_private_key(entry.recover("key-secret"), None)
    with pytest.raises(KeyStoreError, match=r"another password .* <keySecret>"):
        entry.recover("store-secret")


def test_a_change_anywhere_is_noticed() -> None:
    for at in range(0, len(RSA), 97):
        broken = RSA[:at] + bytes([RSA[at] ^ 1]) + RSA[at + 1 :]
        with pytest.raises(KeyStoreError):
            read_jks(broken, SECRET)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (JKS_MAGIC + struct.pack(">II", 3, 0), "version 3"),
        (JKS_MAGIC + struct.pack(">II", 2, 0xFFFFFFFF), "more than 10000 entries"),
        (JKS_MAGIC + struct.pack(">II", 2, 1), "cut off"),
        (JKS_MAGIC + struct.pack(">III", 2, 1, 3) + bytes(10), "damaged"),
        (JKS_MAGIC + struct.pack(">III", 2, 1, 1) + bytes(10) + struct.pack(">I", 0xFFFFFFFF), "cut off"),
        (JKS_MAGIC + struct.pack(">III", 2, 1, 1) + bytes(10) + struct.pack(">II", 0, 0xFFFFFFFF), "more than 100"),
        (JKS_MAGIC + struct.pack(">III", 2, 1, 2) + bytes(10) + b"\0\3PGP", "not X.509"),
        (b"", "cut off"),
        (bytes(4), "not a key store"),
    ],
)
def test_lengths_that_lie_are_refused(body: bytes, reason: str) -> None:
    with pytest.raises(KeyStoreError, match=reason):
        read_jks(signed(body), SECRET)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_octets_raise_anything_else(rest: bytes) -> None:
    try:
        for entry in read_jks(signed(JKS_MAGIC + struct.pack(">III", 2, 1, 1) + rest), SECRET).keys:
            entry.recover(SECRET)
    except KeyStoreError:
        pass
