"""Signatures that OpenSSL makes are verified; damaged, foreign and outdated ones do not count, and no input raises another error."""

import time
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from compostela.core.smime.cms import CmsError
from compostela.core.smime.signed import verify
from tests.smime_parties import OpenSsl, Party, needs_openssl, party

CONTENT = b"Content-Type: text/plain\r\n\r\nhello\r\n"
NOW, DAY = time.time(), 86400


@pytest.fixture(scope="module")
def authority() -> Party:
    return party("Authority", is_authority=True)


@pytest.fixture(scope="module")
def ann(authority: Party) -> Party:
    return party("Ann", authority, days=10)


def signed(folder: Path, one: Party, *how: str, **others: Party) -> bytes:
    program = OpenSsl(folder, one=one, **others)
    return program.cms(CONTENT, "-sign", "-binary", "-signer", "one.pem", "-inkey", "one.key", "-outform", "DER", *how)


def verdicts(octets: bytes, content: bytes | None, *trusted: Party, now: float = NOW) -> list[tuple[bool, bool]]:
    found = verify(octets, content, [one.der for one in trusted], now)
    return [(one.is_valid, one.is_trusted) for one in found.signers]


@needs_openssl
@pytest.mark.parametrize(
    "how",
    [
        [],
        ["-keyid"],
        ["-noattr"],
        ["-md", "sha512"],
        ["-keyopt", "rsa_padding_mode:pss"],
        ["-keyopt", "rsa_padding_mode:pss", "-md", "sha384"],
        ["-stream"],
    ],
)
def test_signatures_of_openssl_hold(tmp_path: Path, authority: Party, ann: Party, how: list[str]) -> None:
    detached = signed(tmp_path, ann, *how)
    assert verdicts(detached, CONTENT, authority) == [(True, True)]
    assert verdicts(detached, CONTENT) == [(True, False)]
    assert verdicts(detached, CONTENT + b"x", authority) == [(False, False)]
    whole = verify(signed(tmp_path, ann, "-nodetach", *how), None, [authority.der], NOW)
    assert whole.content == CONTENT
    assert whole.signers[0].is_trusted
    assert whole.signers[0].certificate == ann.der


@needs_openssl
def test_signatures_with_elliptic_curves_hold(tmp_path: Path, authority: Party) -> None:
    octets = signed(tmp_path, party("Eve", authority, kind="EC"), "-md", "sha384")
    assert verdicts(octets, CONTENT, authority) == [(True, True)]


@needs_openssl
@pytest.mark.parametrize("how", [["-md", "sha1"], ["-md", "md5"], ["-nocerts"]])
def test_unsafe_digests_and_missing_certificates_are_not_valid(
    tmp_path: Path, authority: Party, ann: Party, how: list[str]
) -> None:
    assert verdicts(signed(tmp_path, ann, *how), CONTENT, authority) == [(False, False)]


@needs_openssl
def test_each_of_two_signers_is_judged(tmp_path: Path, authority: Party, ann: Party) -> None:
    octets = signed(tmp_path, ann, "-signer", "two.pem", "-inkey", "two.key", two=party("Bob"))
    assert sorted(verdicts(octets, CONTENT, authority)) == [(True, False), (True, True)]


@needs_openssl
def test_trust_needs_a_chain_in_its_time(tmp_path: Path, authority: Party, ann: Party) -> None:
    octets = signed(tmp_path, ann)
    assert verdicts(octets, CONTENT, authority, now=NOW + 20 * DAY) == [(True, False)]
    assert verdicts(octets, CONTENT, authority, now=NOW - 2 * DAY) == [(True, False)]
    assert verdicts(octets, CONTENT, party("Authority", is_authority=True)) == [(True, False)]
    assert verdicts(octets, CONTENT, ann) == [(True, True)]
    assert verdicts(octets, CONTENT, ann, now=NOW + 20 * DAY) == [(True, False)]


@needs_openssl
@pytest.mark.parametrize("is_authority", [True, False])
def test_an_intermediate_vouches_if_it_is_an_authority(tmp_path: Path, authority: Party, is_authority: bool) -> None:
    middle = party("Middle", authority, is_authority=is_authority)
    octets = signed(tmp_path, party("Leaf", middle), "-certfile", "middle.pem", middle=middle)
    assert verdicts(octets, CONTENT, authority) == [(True, is_authority)]


@needs_openssl
def test_a_certificate_for_other_uses_is_not_trusted(tmp_path: Path, authority: Party) -> None:
    server = party("Server", authority, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    assert verdicts(signed(tmp_path, server), CONTENT, authority, server) == [(True, False)]


@needs_openssl
def test_damage_anywhere_is_no_good_signature(tmp_path: Path, authority: Party) -> None:
    eve = party("Eve", authority, kind="EC")
    octets = signed(tmp_path, eve, "-nodetach")
    for at in range(0, len(octets), 7):
        damaged = octets[:at] + bytes((octets[at] ^ 0x41,)) + octets[at + 1 :]
        try:
            found = verify(damaged, None, [authority.der], NOW)
        except CmsError:
            continue
        assert found.content == CONTENT or not any(one.is_valid for one in found.signers)


@pytest.mark.parametrize("octets", [b"", b"\x30\x80", b"\x30\x80" * 5000, b"\x30\x84\xff\xff\xff\xff"])
def test_what_is_no_signature_is_told(octets: bytes) -> None:
    with pytest.raises(CmsError):
        verify(octets, b"", [], NOW)


@given(st.binary(max_size=200))
def test_no_octets_raise_another_error(octets: bytes) -> None:
    with pytest.raises(CmsError):
        verify(octets, b"", [], NOW)
