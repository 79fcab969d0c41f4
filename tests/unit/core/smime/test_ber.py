"""BER becomes DER within limits."""

import pytest

from compostela.core.keystores.der import DerError
from compostela.core.smime import ber
from compostela.core.smime.cms import dotted

PIECES = b"\x24\x80\x04\x01a\x24\x04\x04\x02bc\x00\x00"


def test_strings_in_pieces_are_joined() -> None:
    assert ber.to_der(b"\x30\x80" + PIECES + b"\x00\x00") == b"\x30\x05\x04\x03abc"


def test_der_stays_and_what_follows_is_left_out() -> None:
    long = b"\x30\x82\x01\x04\x04\x82\x01\x00" + bytes(256)
    assert ber.to_der(long + b"rest") == long


@pytest.mark.parametrize(
    "octets", [b"", b"\x30", b"\x30\x05\x04", b"\x04\x80a\x00\x00", b"\x1f\x81\x00", b"\x30\x85\x00\x00\x00\x00\x00", PIECES[:-1],
               b"\x24\x03\x02\x01\x00"]
)  # fmt: skip
def test_what_is_no_ber_is_told(octets: bytes) -> None:
    with pytest.raises(DerError):
        ber.to_der(octets)


def test_depth_and_number_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DerError, match="too many"):
        ber.to_der(b"\x30\x80" * (ber.MAX_DEPTH + 2))
    monkeypatch.setattr(ber, "MAX_ELEMENTS", 10)
    with pytest.raises(DerError, match="too many"):
        ber.to_der(b"\x30\x16" + b"\x05\x00" * 11)


@pytest.mark.parametrize(
    ("octets", "text"), [("2a864886f70d010702", "1.2.840.113549.1.7.2"), ("8837", "2.999"), ("2b65", "1.3.101")]
)
def test_identifiers_as_text(octets: str, text: str) -> None:
    assert dotted(bytes.fromhex(octets)) == text
