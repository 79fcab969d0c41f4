"""Input that looks like the real thing, and is not."""

from hypothesis import strategies as st

ODD = st.sampled_from(
    [b"\x00", b"\xff", b"\r", b"\n", b"\r\n", b".", b"..", b" ", b"\t", b'"', b"(", b")", b"{", b"}", b"\\"]
)

SMTP_LINES = st.sampled_from([
    b"EHLO client.example", b"MAIL FROM:<a@b.example>", b"MAIL FROM:<> SIZE=12 BODY=8BITMIME", b"RCPT TO:<c@d.example>",
    b"DATA", b"BDAT 5", b"BDAT 60 LAST", b"BDAT 0", b"RSET", b"NOOP", b"QUIT", b"AUTH PLAIN", b"AHQAdA==", b"Subject: x", b"", b".", b"..", b".x", b"a.b", b"x" * 600,
])  # fmt: skip
SMTP_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b""])

IMAP_LINES = st.sampled_from([
    b"a LOGIN user pass", b"a LOGIN {4}", b"a LOGIN {4+}", b"user {3+}", b"abc", b"a SELECT INBOX", b'b SELECT "a b"',
    b"c FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.10>)", b"d UID FETCH 1,2:4 ALL", b"e SEARCH OR SEEN (NOT NEW)",
    b"f SEARCH CHARSET UTF-8 SUBJECT {3}", b"g APPEND INBOX (\\Seen) {10}", b"g APPEND INBOX {10+}", b"h STORE 1 +FLAGS (\\Seen x)",
    b"i LIST \"\" *", b"j STATUS INBOX (MESSAGES)", b"k AUTHENTICATE PLAIN", b"AHQAdA==", b"l ID NIL", b"m NOOP", b"n {99999}", b"",
    b"0123456789", b"o (((((((((", b"p APPEND {5+}", b"x" * 600, b"q FETCH 1 BODY[1.2.MIME]", b"r UID", b"s COPY 1:3,5 \"&AOk-\"",
])  # fmt: skip
IMAP_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b""])


def conversation(lines: st.SearchStrategy[bytes], ends: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Lines with ends, and odd octets between them now and then."""
    piece = st.tuples(lines, ends).map(b"".join)
    return st.lists(st.one_of(piece, piece, piece, ODD, st.binary(max_size=8)), max_size=14).map(b"".join)


@st.composite
def cut(draw: st.DrawFn, octets: bytes) -> list[bytes]:
    """The octets in pieces."""
    places = draw(st.lists(st.integers(0, len(octets)), max_size=12).map(sorted))
    return [octets[first:last] for first, last in zip([0, *places], [*places, len(octets)], strict=True)]


BOUNDARIES = st.sampled_from([b"b", b"b1", b"--b", b"b b", b"=_x", b"x" * 70, b"x" * 300])
HEADERS = st.sampled_from([
    b"Subject: =?utf-8?q?=C3=A9?=", b"From: A <a@b>, \"C (d\" <c@d>", b"To: g: a@b, c@d;", b"Content-Type: text/plain; charset=undefined",
    b"Content-Type: text/html; charset*=punycode'' %FF", b"Content-Type: message/rfc822", b"Content-Type: multipart/digest; boundary=b",
    b"Content-Transfer-Encoding: base64", b"Content-Disposition: attachment; filename*0*=utf-8''%e4; filename*1=x", b"Date: Mon, 99 Foo 2026",
    b"no field at all", b" folded", b": empty", b"Content-Type:", b"X: \xff\x00", b"Content-Type: text/plain; charset*=a%00b''x",
    b"Bcc: <<<<@,;:", b"Content-Language: en, , de",
])  # fmt: skip


@st.composite
def entities(draw: st.DrawFn, depth: int = 3) -> bytes:
    """A MIME entity, right or wrong."""
    headers = draw(st.lists(HEADERS, max_size=5))
    if depth == 0 or draw(st.booleans()):
        body = draw(st.binary(max_size=40))
    else:
        boundary = draw(BOUNDARIES)
        headers.append(b'Content-Type: multipart/mixed; boundary="' + boundary + b'"')
        parts = draw(st.lists(entities(depth=depth - 1), max_size=3))
        ends = draw(st.sampled_from([b"\r\n", b"\n"]))
        body = b"".join(b"--" + boundary + ends + part + ends for part in parts)
        body += draw(st.sampled_from([b"--" + boundary + b"--\r\n", b"--" + boundary, b""]))
    between = draw(st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n", b""]))
    return b"\r\n".join(headers) + between + body
