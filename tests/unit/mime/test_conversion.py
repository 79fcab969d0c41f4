"""Content that is made to fit a next hop says the same as before."""

import email
import email.policy

import pytest

from compostela.mime.conversion import (
    MAX_DEPTH,
    CannotConvert,
    Fits,
    converted,
    fits_eight_bit,
    fits_seven_bit,
    has_long_line,
)

UMLAUTS = "Grüße\r\n.\r\nend \r\n".encode()
LONG = b"x" * 999 + b"\r\n"
IMAGE = bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"") * 5


def message(kind: str, body: bytes, encoding: str = "8bit") -> tuple[bytes, bytes]:
    fields = f"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return fields.encode(), body


def part(kind: str, body: bytes, encoding: str = "8bit") -> bytes:
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def joined(boundary: str, *parts: bytes) -> bytes:
    delimiter = b"--" + boundary.encode()
    return b"".join(delimiter + b"\r\n" + one + b"\r\n" for one in parts) + delimiter + b"--\r\n"


def leaves(header: bytes, body: bytes) -> list[tuple[str, bytes]]:
    """Kinds and decoded contents of the leaves, as another reader of MIME sees them."""
    root = email.message_from_bytes(header + body, policy=email.policy.compat32)
    assert not any(one.defects for one in root.walk())
    found = []
    for one in root.walk():
        if not one.is_multipart():
            content = one.get_payload(decode=True)
            assert isinstance(content, bytes)
            found.append((one.get_content_type(), content.replace(b"\r\n", b"\n").rstrip(b"\n")))
    return found


NESTED = joined(
    "a",
    part(
        'multipart/alternative; boundary="ab"', joined("ab", part("text/plain; charset=utf-8", UMLAUTS), b"\r\nplain")
    ),
    part("image/png", IMAGE, "binary"),
    part("message/rfc822", b"".join(message("text/html; charset=latin1", b"<p>\xe9</p>\r\n"))),
    part("text/plain", b"aGVsbG8=\r\n", "base64"),
    b"X-Nothing: but long lines\r\n\r\n" + LONG,
)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain; charset=utf-8", UMLAUTS),
        ("text/plain; charset=utf-8", UMLAUTS + LONG),
        ("text/plain", LONG * 3),
        ("application/octet-stream", IMAGE),
        ('multipart/mixed; boundary="a"', NESTED),
        ('multipart/mixed; boundary="a"', NESTED.replace(b"--a--\r\n", b"--a--")),
        ('multipart/mixed; boundary="a"', b"pr\xc3\xa9amble\r\n" + NESTED + b"\xc3\xa9pilogue"),
    ],
)
@pytest.mark.parametrize("fits", [fits_seven_bit, fits_eight_bit])
def test_what_is_read_stays_what_it_was(kind: str, body: bytes, fits: Fits) -> None:
    header, body = message(kind, body)
    new_header, new_body = converted(header, body, fits)
    assert fits(new_body)
    assert leaves(new_header, new_body) == leaves(header, body)
    assert converted(new_header, new_body, fits) == (new_header, new_body)


def test_only_what_does_not_fit_is_changed() -> None:
    untouched = part("text/plain", b"as it is\r\n")
    header, body = message('multipart/mixed; boundary="a"', joined("a", untouched, part("text/plain", UMLAUTS)))
    new_header, new_body = converted(header, body, fits_seven_bit)
    assert untouched in new_body
    assert b"Content-Transfer-Encoding: 7bit\r\n\r\n" in new_header
    assert b"Gr=C3=BC=C3=9Fe" in new_body
    assert converted(header, body, fits_eight_bit) == (header, body)


@pytest.mark.parametrize(("octets", "charset"), [(UMLAUTS, b"utf-8"), (b"Gr\xfc\xdfe\r\n", b"unknown-8bit")])
def test_a_text_that_says_nothing_of_itself_becomes_mime(octets: bytes, charset: bytes) -> None:
    header, body = converted(b"Subject: x\r\n\r\n", octets, fits_seven_bit)
    assert header.startswith(b"Subject: x\r\n")
    for line in (b"MIME-Version: 1.0", b"Content-Transfer-Encoding: quoted-printable", b"; charset=" + charset):
        assert line + b"\r\n" in header
    assert leaves(header, body) == [("text/plain", octets.replace(b"\r\n", b"\n").rstrip(b"\n"))]


def test_a_line_that_is_broken_makes_no_delimiter() -> None:
    """Where quoted-printable breaks this line, the rest of it would end the part."""
    text = UMLAUTS + b"x" * 75 + b"--a--\r\nbehind\r\n"
    header, body = message('multipart/mixed; boundary="a"', joined("a", part("text/plain; charset=utf-8", text)))
    assert leaves(*converted(header, body, fits_seven_bit)) == leaves(header, body)


@pytest.mark.parametrize(
    "unmendable",
    [
        part("application/pdf", b"QUJD" * 500, "base64"),
        part('multipart/signed; boundary="s"', joined("s", part("text/plain", LONG), b"\r\nsignature")),
    ],
)
def test_a_long_line_that_cannot_be_mended_does_not_keep_the_rest_from_being_7_bit(unmendable: bytes) -> None:
    text = part("text/plain; charset=utf-8", UMLAUTS)
    header, body = message('multipart/mixed; boundary="a"', joined("a", text, unmendable))
    new_header, new_body = converted(header, body, fits_seven_bit)
    assert new_body.isascii()
    assert unmendable in new_body
    assert leaves(new_header, new_body) == leaves(header, body)


def test_a_message_within_that_says_nothing_of_itself_becomes_mime_too() -> None:
    _, body = converted(*message("message/rfc822", b"Subject: within\r\n\r\n" + UMLAUTS), fits_seven_bit)
    assert b"MIME-Version: 1.0\r\n" in body


@pytest.mark.parametrize(
    ("octets", "read"),
    [
        (b"X: y\r\nGr\xfc\xdfe: x\r\n", b"X: y\r\n\r\nGr\xfc\xdfe: x\r\n"),
        ("Grüße".encode(), "\r\nGrüße".encode()),
    ],
)
def test_the_body_of_a_part_without_an_empty_line_stays_a_body(octets: bytes, read: bytes) -> None:
    header, body = message('multipart/mixed; boundary="a"', joined("a", octets))
    new_header, new_body = converted(header, body, fits_seven_bit)
    assert leaves(new_header, new_body) == leaves(header, joined("a", read))


def deep(levels: int) -> bytes:
    body = UMLAUTS
    for _ in range(levels):
        body = part("message/rfc822", body)
    return body


@pytest.mark.parametrize(
    ("kind", "body", "encoding"),
    [
        ("text/plain", UMLAUTS, "base64"),
        ("text/plain", UMLAUTS, "x-own"),
        ('multipart/signed; boundary="a"', joined("a", part("text/plain", UMLAUTS), b"\r\nsignature"), "8bit"),
        ("multipart/mixed", NESTED, "8bit"),
        ('multipart/mixed; boundary="other"', NESTED, "8bit"),
        ('multipart/mixed; boundary="other"', NESTED + b"--other--\r\n", "8bit"),
        ('multipart/mixed; boundary="a"', joined("a", b"X: y\r\nno field\r\n\r\n" + UMLAUTS), "8bit"),
        ("message/partial; id=x; number=1", UMLAUTS, "7bit"),
        ("message/rfc822", deep(MAX_DEPTH + 1), "8bit"),
    ],
)
def test_what_cannot_be_converted(kind: str, body: bytes, encoding: str) -> None:
    with pytest.raises(CannotConvert):
        converted(*message(kind, body, encoding), fits_seven_bit)


@pytest.mark.parametrize(
    ("data", "is_long"),
    [
        (b"", False), (b"x" * 998, False), (b"x" * 998 + b"\r\n", False), (b"x" * 999 + b"\r\n", True), (b"x" * 1200, True),
        ((b"x" * 998 + b"\r\n") * 50, False), ((b"x" * 998 + b"\r\n") * 50 + b"x" * 999 + b"\r\n\r\n", True),
        (b"\r\n" * 5000, False),
    ],
)  # fmt: skip
def test_lines_that_are_too_long(data: bytes, is_long: bool) -> None:
    assert has_long_line(data) is is_long
