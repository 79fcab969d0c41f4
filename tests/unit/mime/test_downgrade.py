"""Internationalised headers for clients that take ASCII only (RFC 6858)."""

import pytest

from compostela.mime.downgrade import downgraded
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Subject: plain\r\n\r\n",
        b"Subject: caf\xe9\r\nFrom: a@b.example\r\n\r\n",
    ],
)
def test_what_is_not_internationalised_stays(block: bytes) -> None:
    assert downgraded(block) is block


def test_text_addresses_and_other_fields() -> None:
    block = (
        "From: Jörg Müller <jörg@müller.example>\r\n"
        'To: "Ann, A." <ann@example.org>, "Z., Zoë" <zoe@example.org>, "a b"@example.org,\r\n café@example.org\r\n'
        "Cc: plain@example.org\r\n"
        "Subject: Grüße aus\r\n Köln\r\n"
        "X-Other: naïve\r\n"
        "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
    ).encode()
    made = downgraded(block)
    assert made.isascii()
    headers = Headers(made)
    assert decode(headers.get(b"From") or b"") == "Jörg Müller jörg@müller.example :;"
    to = decode(headers.get(b"To") or b"")
    assert to == '"Ann," "A." <ann@example.org>, "Z.," Zoë <zoe@example.org>, "a b"@example.org, café@example.org :;'
    assert headers.get(b"Cc") == b"plain@example.org"
    assert decode(headers.get(b"Subject") or b"") == "Grüße aus Köln"
    assert b"X-Other" not in headers
    assert made.endswith(b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n")
    assert all(len(line) <= 998 for line in made.split(b"\r\n"))


def test_lines_that_are_no_field_are_ascii_too() -> None:
    assert downgraded("Subject: a\r\nkein Feld: ü\r\nn\u00e4chste\r\n\r\n".encode()).isascii()


def test_a_name_cannot_bring_in_another_field() -> None:
    made = downgraded('To: "x\r\n Bcc: é" <a@é.example>\r\nSubject: é\r\n X: y\r\n\r\n'.encode())
    assert {field.name for field in Headers(made)} == {b"To", b"Subject"}
