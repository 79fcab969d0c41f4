"""What OpenSSL encrypts is decrypted; damage and foreign keys are told."""

from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from compostela.core.smime.cms import CmsError
from compostela.core.smime.enveloped import decrypt
from tests.smime_parties import OpenSsl, Party, needs_openssl, party

CONTENT = b"Content-Type: text/plain\r\n\r\n" + b"hello\r\n" * 3000
OAEP = ["-keyopt", "rsa_padding_mode:oaep"]


@pytest.fixture(scope="module")
def ann() -> Party:
    return party("Ann")


def encrypted(folder: Path, one: Party, cipher: str, *how: str, of_recipient: tuple[str, ...] = ()) -> bytes:
    program = OpenSsl(folder, one=one)
    return program.cms(
        CONTENT, "-encrypt", "-binary", "-outform", "DER", f"-{cipher}", *how, "-recip", "one.pem", *of_recipient
    )


def opened(octets: bytes, one: Party) -> bytes:
    return decrypt(octets, cast("RSAPrivateKey", one.key), one.certificate)


@needs_openssl
@pytest.mark.parametrize(
    ("cipher", "how", "of_recipient"),
    [
        ("des3", [], []),
        ("aes128", [], []),
        ("aes192", [], []),
        ("aes256", [], []),
        ("aes256", ["-stream"], []),
        ("aes256", ["-keyid"], []),
        ("aes256", [], OAEP),
        ("aes256", [], [*OAEP, "-keyopt", "rsa_oaep_md:sha256"]),
        ("aes-128-gcm", [], []),
        ("aes-256-gcm", ["-stream"], []),
    ],
)
def test_what_openssl_encrypts_is_decrypted(
    tmp_path: Path, ann: Party, cipher: str, how: list[str], of_recipient: list[str]
) -> None:
    assert opened(encrypted(tmp_path, ann, cipher, *how, of_recipient=tuple(of_recipient)), ann) == CONTENT


@needs_openssl
def test_another_key_is_told(tmp_path: Path, ann: Party) -> None:
    with pytest.raises(CmsError, match="not encrypted for"):
        opened(encrypted(tmp_path, ann, "aes256"), party("Bob"))


@needs_openssl
def test_a_cipher_that_is_not_supported_is_told(tmp_path: Path, ann: Party) -> None:
    with pytest.raises(CmsError, match="not supported"):
        opened(encrypted(tmp_path, ann, "camellia256"), ann)


@needs_openssl
def test_damage_is_told(tmp_path: Path, ann: Party) -> None:
    octets = encrypted(tmp_path, ann, "aes-256-gcm")
    for at in range(0, len(octets), 211):
        damaged = octets[:at] + bytes((octets[at] ^ 0x41,)) + octets[at + 1 :]
        with pytest.raises(CmsError):
            opened(damaged, ann)


@pytest.mark.parametrize("octets", [b"", b"\x30\x80", b"\x30\x03\x02\x01\x00", b"\x30\x80" * 5000])
def test_what_is_not_encrypted_is_told(ann: Party, octets: bytes) -> None:
    with pytest.raises(CmsError):
        opened(octets, ann)
