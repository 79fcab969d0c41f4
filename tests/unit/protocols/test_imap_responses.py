"""Responses of IMAP as octets (RFC 3501 §7). Those of ENVELOPE and BODYSTRUCTURE are rendered from whole messages."""

import pytest

from compostela.mime.scanner import describe
from compostela.model.flags import Flags, SystemFlag
from compostela.protocols.imap import responses, utf7


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (None, b"NIL"),
        (b"", b'""'),
        (b"NIL", b'"NIL"'),
        (b"a b", b'"a b"'),
        (rb'a"b\c', rb'"a\"b\\c"'),
        (b"tab\tonly", b'"tab\tonly"'),
        (b"two\r\nlines", b"{10}\r\ntwo\r\nlines"),
        (b"M\xc3\xbcll", b"{5}\r\nM\xc3\xbcll"),
        (b"a\x00b", b'"ab"'),
        (b"x" * 999, b'"' + b"x" * 999 + b'"'),
        (b"x" * 1000, b"{1000}\r\n" + b"x" * 1000),
    ],
)
def test_a_string_is_quoted_or_a_literal(value: bytes | None, octets: bytes) -> None:
    assert responses.string(value) == octets


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("INBOX", b"INBOX"),
        ("a.b", b"a.b"),
        ("a b", b'"a b"'),
        ("", b'""'),
        ("R&D", b'"R&-D"'),
        ("台北", b'"&U,BTFw-"'),
        ("~peter/mail/台北/日本語", b'"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),
        ('say "hi"', rb'"say \"hi\""'),
        ("50%", b'"50%"'),
    ],
)
def test_a_mailbox_name_travels_in_modified_utf_7(name: str, octets: bytes) -> None:
    assert responses.mailbox_name(name) == octets
    assert utf7.decode(utf7.encode(name)) == name


def test_flags_have_the_system_flags_first_and_keywords_in_order() -> None:
    flags = Flags.of(SystemFlag.SEEN, SystemFlag.ANSWERED, keywords=("$Junk", "$Forwarded"))
    assert responses.flags_text(flags, recent=True) == b"\\Answered \\Seen \\Recent $Forwarded $Junk"
    assert responses.flags_text(Flags()) == b""


def test_an_internal_date_has_a_day_of_two_characters() -> None:
    assert responses.internal_date(0) == b'" 1-Jan-1970 00:00:00 +0000"'
    assert responses.internal_date(837_596_665) == b'"17-Jul-1996 09:44:25 +0000"'


def test_status_lines() -> None:
    assert responses.tagged(b"a1", "OK", "LOGIN completed.") == b"a1 OK LOGIN completed.\r\n"
    assert responses.tagged(b"a1", "NO", "None.", "TRYCREATE") == b"a1 NO [TRYCREATE] None.\r\n"
    assert responses.untagged("3 EXISTS") == b"* 3 EXISTS\r\n"


def test_list_lines() -> None:
    assert responses.list_line("LIST", ("\\HasNoChildren",), "a b") == b'* LIST (\\HasNoChildren) "." "a b"\r\n'
    assert responses.list_line("LSUB", (), "a") == b'* LSUB () "." a\r\n'
    has_child = b'* LIST () "." a ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    assert responses.list_line("LIST", (), "a", has_subscribed=True) == has_child


@pytest.mark.parametrize(
    ("numbers", "modseq", "octets"),
    [
        ((), None, b"* SEARCH\r\n"),
        ((), 5, b"* SEARCH\r\n"),
        ((2, 84, 882), None, b"* SEARCH 2 84 882\r\n"),
        ((2, 5), 917162500, b"* SEARCH 2 5 (MODSEQ 917162500)\r\n"),
    ],
)
def test_search_lines(numbers: tuple[int, ...], modseq: int | None, octets: bytes) -> None:
    assert responses.search_line(numbers, modseq) == octets


def envelope(header: bytes) -> bytes:
    return responses.envelope(describe(header.replace(b"\n", b"\r\n") + b"\r\n", b"").envelope)


NILS = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
ANN = b'(("Ann" NIL "ann" "example.org"))'


@pytest.mark.parametrize(
    ("header", "rendered"),
    [
        (b"", NILS),
        # the example of RFC 3501 §7.4.2
        (
            b"""Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
""",
            b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
            b'(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) '
            b'(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) '
            b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
            b'"<B27397-0100000@cac.washington.edu>")',
        ),
        (
            b"From: Ann <ann@example.org>\nSender: s@example.org\nReply-To: r@example.org\n",
            b"(NIL NIL " + ANN + b' ((NIL NIL "s" "example.org")) ((NIL NIL "r" "example.org")) NIL NIL NIL NIL NIL)',
        ),
        # an empty Sender is as a missing one
        (b"From: Ann <ann@example.org>\nSender:\n", b"(NIL NIL " + b" ".join([ANN] * 3) + b" NIL NIL NIL NIL NIL)"),
        # a group, and a second field of the same name
        (
            b"To: Friends: bob@example.org, Eve <eve@example.org>;\nTo: ann@example.org\n",
            b'(NIL NIL NIL NIL NIL ((NIL NIL "Friends" NIL)(NIL NIL "bob" "example.org")("Eve" NIL "eve" "example.org")'
            b'(NIL NIL NIL NIL)(NIL NIL "ann" "example.org")) NIL NIL NIL NIL)',
        ),
        (
            b"To: undisclosed-recipients:;\n",
            b'(NIL NIL NIL NIL NIL ((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)',
        ),
        (
            b"Bcc: <@a.example,@b.example:bob@example.org>\n",
            b'(NIL NIL NIL NIL NIL NIL NIL ((NIL "@a.example,@b.example" "bob" "example.org")) NIL NIL)',
        ),
        (
            b'To: bob@example.org (Bob "B" Smith)\n',
            b'(NIL NIL NIL NIL NIL (("Bob \\"B\\" Smith" NIL "bob" "example.org")) NIL NIL NIL NIL)',
        ),
        (b"Subject: =?utf-8?q?M=C3=BCll?=\n", b'(NIL "=?utf-8?q?M=C3=BCll?=" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        (b"Subject: M\xc3\xbcll\n", b"(NIL {5}\r\nM\xc3\xbcll NIL NIL NIL NIL NIL NIL NIL NIL)"),
        (b"Subject: one\n  two\n", b'(NIL "one  two" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        (b"Subject:\n", b'(NIL "" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        (b"In-Reply-To: <a@b>\nMessage-ID: <c@d>\n", b'(NIL NIL NIL NIL NIL NIL NIL NIL "<a@b>" "<c@d>")'),
    ],
)
def test_an_envelope(header: bytes, rendered: bytes) -> None:
    assert envelope(header) == rendered


def structures(message: bytes) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE."""
    header, _, body = message.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
    root = describe(header + b"\r\n\r\n", body).root
    return responses.body_structure(root, extended=False), responses.body_structure(root, extended=True)


@pytest.mark.parametrize(
    ("message", "body", "extension"),
    [
        (
            b"Subject: x\n\none\ntwo\n",
            b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2',
            b" NIL NIL NIL NIL)",
        ),
        (b"Subject: x\n\n", b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0', b" NIL NIL NIL NIL)"),
        (
            b"Content-Type: TEXT/HTML; charset=utf-8\nContent-Transfer-Encoding: Quoted-Printable\nContent-ID: <1@a>\n"
            b"Content-Description: a page\nContent-MD5: Q2hlY2s=\nContent-Language: en, de\nContent-Location: a.html\n"
            b'Content-Disposition: inline; filename="a b.html"\n\n<p>=20\n',
            b'("text" "html" ("charset" "utf-8") "<1@a>" "a page" "quoted-printable" 8 1',
            b' "Q2hlY2s=" ("inline" ("filename" "a b.html")) ("en" "de") "a.html")',
        ),
        (
            b"Content-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\niVBO\n",
            b'("image" "png" ("name" "a.png") NIL NIL "base64" 6',
            b" NIL NIL NIL NIL)",
        ),
        # RFC 2045 §5.2: what cannot be read is plain text
        (
            b"Content-Type: nonsense\n\nx",
            b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0',
            b" NIL NIL NIL NIL)",
        ),
        # a multipart without parts is shown as text
        (
            b"Content-Type: multipart/mixed; boundary=x\n\nno parts\n",
            b'("text" "plain" ("boundary" "x") NIL NIL "7bit" 10 1',
            b" NIL NIL NIL NIL)",
        ),
    ],
)
def test_the_structure_of_a_single_part(message: bytes, body: bytes, extension: bytes) -> None:
    assert structures(message) == (body + b")", body + extension)


PLAIN = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d %d'
MIXED = b"""Content-Type: multipart/mixed; boundary="b 1"

This is ignored.
--b 1

first
--b 1
Content-Type: text/html; charset=utf-8
Content-Disposition: attachment; filename=a.html

<p>
</p>
--b 1--
This too.
"""


def test_the_structure_of_parts_side_by_side() -> None:
    html = b'("text" "html" ("charset" "utf-8") NIL NIL "7bit" 9 1'
    assert structures(MIXED) == (
        b"(" + PLAIN % (5, 0) + b")" + html + b') "mixed")',
        b"(" + PLAIN % (5, 0) + b" NIL NIL NIL NIL)" + html
        + b' NIL ("attachment" ("filename" "a.html")) NIL NIL) "mixed" ("boundary" "b 1") NIL NIL NIL)',
    )  # fmt: skip


NESTED = b"""Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner

a
--inner
Content-Type: text/html

b
--inner--
--outer
Content-Type: application/pdf
Content-Transfer-Encoding: base64

JVBE
--outer--
"""


def test_the_structure_of_parts_in_parts() -> None:
    html = b'("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 1 0)'
    inner = b"(" + PLAIN % (1, 0) + b")" + html + b' "alternative")'
    pdf = b'("application" "pdf" NIL NIL NIL "base64" 4)'
    assert structures(NESTED)[0] == b"(" + inner + pdf + b' "mixed")'


FORWARDED = b"""Content-Type: message/rfc822

From: Ann <ann@example.org>
Subject: inner

hello
you
"""


def test_the_structure_of_a_forwarded_message_has_its_envelope_and_lines() -> None:
    inner = b'(NIL "inner" ' + b" ".join([ANN] * 3) + b" NIL NIL NIL NIL NIL)"
    body = b'("message" "rfc822" NIL NIL NIL "7bit" 59 ' + inner + b" " + PLAIN % (12, 2) + b") 5)"
    assert structures(FORWARDED)[0] == body


def test_a_digest_has_messages_without_a_type() -> None:
    message = b"Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: inner\n\nhello\n--x--\n"
    inner = b'(NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL)'
    part = b'("message" "rfc822" NIL NIL NIL "7bit" 23 ' + inner + b" " + PLAIN % (5, 0) + b") 2)"
    assert structures(message)[0] == b"(" + part + b' "digest")'


def test_an_encoded_message_is_shown_as_a_file() -> None:
    message = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA==\n"
    assert structures(message)[0] == b'("application" "octet-stream" NIL NIL NIL "base64" 18)'
