"""Text of parts."""

import binascii

import pytest

from compostela.mime.text import decoded_octets, html_text

WORDS = b"Mail for K\xc3\xb6ln, " * 4
ENCODED = b"begin 644 a.txt\r\n" + b"\r\n".join(binascii.b2a_uu(WORDS[at : at + 45]).rstrip(b"\n") for at in (0, 45))


def test_a_character_reference_with_any_number_of_digits_is_read() -> None:
    assert html_text("<b>a&amp;b</b> &#0000065;&#66; &#" + "1" * 10_000 + "; &#x" + "f" * 10_000 + ";").split() == [
        "a&b", "AB", "\ufffd", "\ufffd",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (ENCODED + b"\r\n`\r\nend\r\n", WORDS),
        (b"text before\r\n" + ENCODED + b"\r\n \r\nend\r\ntext after", WORDS),
        (ENCODED.replace(b"\r\n", b"\n"), WORDS),
        (b"begin 644 a\n#86)CXX\nend\n", b"abc"),
        (b"begin 644 a\n\x80\x81\x82\n#86)C\nend\n", b"abc"),
        (b"begin 644 a\n", b""),
        (b"", b""),
    ],
)
def test_uuencoded_text(data: bytes, wanted: bytes) -> None:
    assert decoded_octets(data, b"x-uuencode") == wanted
