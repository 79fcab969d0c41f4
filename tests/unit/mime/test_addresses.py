"""Address lists: the short way for the usual forms."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compostela.mime.addresses import Address, parse, parse_any

PIECES = st.sampled_from([
    b"ana", b"Ana B.", b"example.org", b"@", b"<", b">", b'"', b'"A, B"', b" ", b"  ", b"\r\n ", b"\t", b"\x0b", b",", b";", b":", b"(", b")", b"\\",
    b"[1.2.3.4]", b"\xc3\xa9", b"",
])  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"ana@example.org", Address(None, None, b"ana", b"example.org")),
        (b" Ana B. Sender <ana@example.org>\r\n", Address(b"Ana B. Sender", None, b"ana", b"example.org")),
        (b'"Sender, Ana" <ana@example.org>', Address(b"Sender, Ana", None, b"ana", b"example.org")),
        (b'" " <ana@example.org>', Address(None, None, b"ana", b"example.org")),
        (b"<ana@example.org>", Address(None, None, b"ana", b"example.org")),
    ],
)
def test_usual_forms(value: bytes, expected: Address) -> None:
    assert parse(value) == [expected]


@given(st.lists(PIECES, max_size=9).map(b"".join))
@example(b'"a" b <c@d>')
@example(b"a b@c")
@example(b"a  b <c@d>")
@example(b"a <b@c> d")
def test_the_short_way_reads_what_the_long_way_reads(value: bytes) -> None:
    assert parse(value) == parse_any(value)
