"""The tree of parts with octet offsets: which octets are a part's header and body, whatever the boundary lines look like."""

import pytest

from compostela.mime.scanner import describe
from compostela.mime.structure import Limits, Part, Structure
from compostela.protocols.imap.commands import BodySection
from compostela.protocols.imap.sections import HeaderOf, Slice, locate, select_fields

HEADER = b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'


def parts(body: bytes, header: bytes = HEADER, limits: Limits | None = None) -> list[tuple[bytes, bytes]]:
    """Header and body of each part of a multipart."""
    root = (describe(header, body, limits) if limits else describe(header, body)).root
    return [(octets(body, part.header), octets(body, part.body)) for part in root.children]


def octets(body: bytes, span: tuple[int, int]) -> bytes:
    return body[span[0] : span[1]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--x\r\n\r\na\r\n--x\r\nA: b\r\n\r\nc\r\n--x--\r\n", [(b"\r\n", b"a"), (b"A: b\r\n\r\n", b"c")]),
        (b"--x\n\na\n--x\nA: b\n\nc\n--x--\n", [(b"\n", b"a"), (b"A: b\n\n", b"c")]),
        # without an end
        (b"--x\r\n\r\na\r\n--x\r\n\r\nb", [(b"\r\n", b"a"), (b"\r\n", b"b")]),
        (b"--x\r\n\r\na\r\n", [(b"\r\n", b"a\r\n")]),
        # before and after the parts
        (b"ignored\r\n--x\r\n\r\na\r\n--x--\r\nignored\r\n--x\r\n\r\nb\r\n", [(b"\r\n", b"a")]),
        # blanks after a boundary (RFC 2046 §5.1.1), and a longer boundary, which is another one
        (b"--x \t\r\n\r\na\r\n--x--  \r\n", [(b"\r\n", b"a")]),
        (b"--x\r\n\r\na\r\n--xy\r\nb\r\n--x--", [(b"\r\n", b"a\r\n--xy\r\nb")]),
        # in the middle of a line it is no boundary
        (b"--x\r\n\r\na --x\r\n--x--", [(b"\r\n", b"a --x")]),
        # a part without content, and one without a line of its own
        (b"--x\r\n\r\n--x--", [(b"", b"")]),
        (b"--x\r\n--x--", [(b"", b"")]),
        # no empty line: all of it is header; and a first line that is no field: all of it is body
        (b"--x\r\nA: b\r\n--x--", [(b"A: b", b"")]),
        (b"--x\r\nno field here\r\n--x--", [(b"", b"no field here")]),
        (b"no boundary", []),
        (b"", []),
    ],
)
def test_the_parts_of_a_multipart(body: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert parts(body) == expected


def test_a_boundary_with_blanks_at_its_end() -> None:
    header = b'Content-Type: multipart/mixed; boundary="x  "\r\n\r\n'
    assert parts(b"--x\r\n\r\na\r\n--x  --\r\nb", header) == [(b"\r\n", b"a")]


def test_a_part_that_ends_with_an_empty_line_keeps_it() -> None:
    assert parts(b"--x\r\n\r\na\r\n\r\n--x--") == [(b"\r\n", b"a\r\n")]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"text/plain", (b"text", b"plain")),
        (b"Image/PNG; name=a", (b"image", b"png")),
        (b"text / html", (b"text", b"html")),
        (b"text/html (a comment)", (b"text", b"html")),
        (b"text", (b"text", b"plain")),
        (b"image", (b"text", b"plain")),
        (b"/", (b"text", b"plain")),
        (b"a/b/c", (b"text", b"plain")),
        (b"", (b"text", b"plain")),
    ],
)
def test_a_type_that_cannot_be_read_is_plain_text(value: bytes, kind: tuple[bytes, bytes]) -> None:
    root = describe(b"Content-Type: " + value + b"\r\n\r\n", b"").root
    assert (root.type, root.subtype) == kind


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (b"BASE64", b"base64"),
        (b" quoted-printable ", b"quoted-printable"),
        (b'"base64"', b"base64"),
        (b"base64 (really)", b"base64"),
        (b"8bit; x=y", b"8bit"),
        (b"", b"7bit"),
    ],
)
def test_a_transfer_encoding(value: bytes, encoding: bytes) -> None:
    assert describe(b"Content-Transfer-Encoding: " + value + b"\r\n\r\n", b"").root.encoding == encoding


def test_the_first_of_repeated_fields_counts() -> None:
    structure = describe(
        b"Subject: one\r\nsubject: two\r\nContent-Type: text/html\r\nContent-Type: image/png\r\n\r\n", b""
    )
    assert (structure.envelope.subject, structure.root.subtype) == (b"one", b"html")


def depth_of(part: Part) -> int:
    return 1 + max(map(depth_of, part.children), default=0)


def test_parts_nest_as_deep_as_the_limit_and_what_is_below_is_a_leaf() -> None:
    body = b"".join(
        b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n" % (number, number + 1) for number in range(60)
    )
    header = b"Content-Type: multipart/mixed; boundary=0\r\n\r\n"
    assert depth_of(describe(header, body, Limits(depth=50)).root) == 51
    assert depth_of(describe(header, body, Limits(depth=3)).root) == 4


def test_parts_beyond_the_limit_are_left_out() -> None:
    assert len(parts(b"--x\r\n\r\na\r\n" * 20 + b"--x--", limits=Limits(parts=10))) == 9


def test_fields_beyond_the_limit_are_not_looked_at() -> None:
    header = b"A: b\r\n" * 10 + b"Subject: late\r\n\r\n"
    assert describe(header, b"", Limits(header_fields=10)).envelope.subject is None
    assert describe(header, b"", Limits(header_fields=11)).envelope.subject == b"late"


MESSAGE = b"""--x

one
--x
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=y

--y

two
--y
X-Last: yes

three
--y--
--x--
""".replace(b"\n", b"\r\n")  # fmt: skip


def section(path: str, kind: str = "", *names: bytes) -> bytes | None:
    """The octets of a section of `MESSAGE`; None for one that it does not have."""
    asked = BodySection(tuple(map(int, path.split("."))) if path else (), kind, names)
    found = locate(asked, describe(HEADER, MESSAGE), HEADER, len(MESSAGE))
    match found:
        case None:
            return None
        case HeaderOf(start, end):
            return select_fields(asked, MESSAGE[start:end])
        case Slice(head, start, end):
            return head + MESSAGE[start:end]


@pytest.mark.parametrize(
    ("path", "kind", "octets"),
    [
        ("", "", HEADER + MESSAGE),
        ("", "HEADER", HEADER),
        ("", "TEXT", MESSAGE),
        ("1", "", b"one"),
        ("1", "MIME", b"\r\n"),
        ("1", "TEXT", None),
        ("1.1", "", None),
        ("2", "MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        ("2", "HEADER", b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n"),
        ("2.1", "", b"two"),
        ("2.2", "", b"three"),
        ("2.2", "MIME", b"X-Last: yes\r\n\r\n"),
        ("2.3", "", None),
        ("3", "", None),
    ],
)
def test_a_section(path: str, kind: str, octets: bytes | None) -> None:
    assert section(path, kind) == octets


def test_fields_of_a_section_come_in_the_order_of_the_message() -> None:
    assert section("2", "HEADER.FIELDS", b"content-type", b"SUBJECT") == section("2", "HEADER")
    assert section("2", "HEADER.FIELDS.NOT", b"Subject") == b"Content-Type: multipart/mixed; boundary=y\r\n\r\n"
    assert section("", "HEADER.FIELDS", b"Absent") == b"\r\n"


@pytest.mark.parametrize(
    ("origin", "length", "expected"),
    [
        (0, 3, Slice(b"hea", 10, 10)),
        (2, 5, Slice(b"ad", 10, 13)),
        (4, 2, Slice(b"", 10, 12)),
        (6, 99, Slice(b"", 12, 20)),
        (14, 1, Slice(b"", 20, 20)),
        (99, 1, Slice(b"", 20, 20)),
    ],
)
def test_a_part_of_a_section_is_cut_to_what_there_is(origin: int, length: int, expected: Slice) -> None:
    assert Slice(b"head", 10, 20).partial(origin, length) == expected


def test_part_1_of_a_simple_message_is_its_text() -> None:
    structure = describe(b"Subject: x\r\n\r\n", b"text")
    assert structure.section((1,)) is structure.root
    assert structure.section((2,)) is None
    assert structure.section((1, 1)) is None


def test_a_stored_structure_is_read_again_and_another_version_is_not() -> None:
    structure = describe(HEADER, MESSAGE)
    assert Structure.loads(structure.dumps()) == structure
    assert Structure.loads(Structure(1, structure.envelope, structure.root).dumps()) is None
    assert Structure.loads(b"nonsense") is None
