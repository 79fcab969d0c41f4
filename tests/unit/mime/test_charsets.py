"""Charsets that mails name."""

import pytest

from compostela.mime.charsets import decode_octets


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        ("ISO-8859-1", b"\xe9"),
        ("utf-8", b"\xc3\xa9"),
        (" Windows-1252 ", b"\xe9"),
        ("iso_8859-15", b"\xe9"),
        ("cp850", b"\x82"),
    ],
)
def test_names_of_charsets_are_known_in_all_their_spellings(charset: str, octets: bytes) -> None:
    assert decode_octets(octets, charset) == "é"


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "base64", "idna", "undefined", "x" * 1000, "é", ""])
def test_what_is_no_charset_is_unknown(charset: str) -> None:
    with pytest.raises(LookupError):
        decode_octets(b"abc", charset)
