"""MIME parts: tests, loops, extraction, replacement and enclosure (RFC 5703)."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from compostela.sieve.actions import Discard, FileInto, Keep, Redirect
from compostela.sieve.host import Envelope, MessageBytes
from tests.unit.sieve.mails import MAILS
from tests.unit.sieve.scripts import actions, message, problems, run

REQUIRE = """require ["mime", "foreverypart", "replace", "enclose", "extracttext", "variables", "fileinto", "editheader",
    "body"];\n"""


def parsed(action: object) -> EmailMessage:
    assert isinstance(action, Keep | FileInto | Redirect)
    assert action.message is not None
    found = message_from_bytes(action.message.header + action.message.body, policy=default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ('header :mime :type "Content-Type" "multipart"', True),
        ('header :mime :type "Content-Type" "image"', False),
        ('header :mime :anychild :contenttype "Content-Type" "text/html"', True),
        ('header :mime :anychild :contenttype "Content-Type" "TEXT/HTML"', True),
        ('header :mime :subtype "Content-Type" "mixed"', True),
        ('header :mime :param "boundary" "Content-Type" "outer"', True),
        (
            'header :mime :anychild :param ["name", "filename"] :matches ["Content-Type", "Content-Disposition"] "*.pdf"',
            True,
        ),
        ('header :mime :anychild :type "Content-Disposition" "attachment"', True),
        ('header :mime :anychild "Subject" "enclosed mail"', True),
        ('header "Subject" "enclosed mail"', False),
        ('address :mime :anychild :domain "From" "example.net"', True),
        ('exists :mime :anychild "Content-Transfer-Encoding"', True),
        ('exists "Content-Transfer-Encoding"', False),
    ],
)
def test_tests(test: str, found: bool) -> None:
    """§4."""
    wanted = [Discard()] if found else [Keep(is_implicit=True)]
    assert actions(f"{REQUIRE} if {test} {{ discard; }}", "multipart") == wanted


def test_an_attachment_is_replaced() -> None:
    """§5."""
    script = (
        REQUIRE
        + """foreverypart {
        if header :mime :param "filename" :matches "Content-Disposition" ["*.pdf", "*.exe"] {
            replace "The attachment was removed."; } }"""
    )
    (keep,) = actions(script, "multipart")
    assert isinstance(keep, Keep)
    assert keep.message is not None
    before, after = (whole.partition(b"JVBERi1zZWNyZXQ=") for whole in (MAILS["multipart"], keep.message.body))
    assert not after[1]
    assert (
        b"--outer\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThe attachment was removed.\r\n\r\n--outer"
        in after[0]
    )
    assert keep.message.body.endswith(before[2].partition(b"--outer")[2])
    texts = [part.get_content() for part in parsed(keep).walk() if part.get_content_type() == "text/plain"]
    assert texts == ["A plain part.", "The attachment was removed.\r\n", "Text of the enclosed mail."]


def test_a_replaced_multipart_has_no_parts_any_more() -> None:
    """§5: the change takes effect at once."""
    script = (
        REQUIRE
        + """foreverypart {
        if header :mime :subtype :matches "Content-Type" "*" { set "a" "${a}.${1}"; }
        if header :mime :subtype "Content-Type" "alternative" { replace :mime text:
Content-Type: text/x-new; charset=utf-8

Neu.
.
; } }
        foreverypart { if header :mime :subtype :matches "Content-Type" "*" { set "b" "${b}.${1}"; } }
        if body :content "text/x-new" :contains "neu" { set "b" "${b}!"; }
        fileinto "${a}|${b}"; """
    )
    (found,) = actions(script, "multipart")
    assert isinstance(found, FileInto)
    assert found.mailbox == ".mixed.alternative.pdf.rfc822|.mixed.x-new.pdf.rfc822!"
    assert [part.get_content_type() for part in parsed(found).walk()][:3] == [
        "multipart/mixed", "text/x-new", "application/pdf",
    ]  # fmt: skip


def test_the_whole_message_is_replaced() -> None:
    """§5: the old subject and sender stay, MIME fields go."""
    script = REQUIRE + 'replace :subject "Größe" :from "bob@example.org" "Gone.";'
    (keep,) = actions(script, "multipart")
    found = parsed(keep)
    assert found["Subject"] == "Größe"
    assert found["Original-Subject"] == "with parts"
    assert (found["From"], found["Original-From"]) == ("bob@example.org", "ann@example.com")
    assert found["Message-ID"] == "<multi.1@example.com>"
    assert found.get_content_type() == "text/plain"
    assert found.get_content() == "Gone.\r\n"
    assert len(found.get_all("Content-Type")) == len(found.get_all("MIME-Version")) == 1


def test_the_message_is_enclosed() -> None:
    """§6: tests and actions see the new message, redirect sends the old one."""
    script = (
        REQUIRE
        + """addheader "X-A" "1"; enclose :subject "Warning" :headers ["To", "X-A"] text:
You are being warned.
.
;       if header "subject" "warning" { fileinto "new"; } redirect "a@example.com";"""
    )
    new, redirect = actions(script, envelope=Envelope("joe@firm.example", "bob@example.org"))
    found = parsed(new)
    assert found["Subject"] == "Warning"
    assert found["From"] == "bob@example.org"
    assert found["X-A"] == "1"
    assert "carol@example.net" in found["To"]
    assert found["Date"] == "Sat, 28 Nov 2026 11:30:15 -0000"
    text, inner = found.iter_parts()
    assert text.get_content() == "You are being warned.\r\n"
    assert inner.get_content_type() == "message/rfc822"
    enclosed = inner.get_content()
    assert enclosed["Subject"] == "Minutes of the  meeting"
    assert enclosed["X-A"] == "1"
    assert parsed(redirect)["Subject"] == "Minutes of the  meeting"
    assert parsed(redirect)["X-A"] == "1"


def test_the_subject_is_taken_over() -> None:
    (keep,) = actions(REQUIRE + 'enclose "x"; enclose "y";')
    found = parsed(keep)
    assert found["Subject"] == "Minutes of the  meeting"
    assert [part.get_content_type() for part in found.walk()].count("message/rfc822") == 2


def test_a_part_of_a_message_that_is_gone_cannot_be_replaced() -> None:
    script = REQUIRE + 'foreverypart { if header :mime :type "Content-Type" "text" { enclose "x"; replace "y"; } }'
    assert "no longer in the message" in str(run(script, "multipart").failure)


def test_text_is_extracted() -> None:
    """§7."""
    script = (
        REQUIRE
        + """foreverypart { if header :mime :type "Content-Type" ["text", "application"] {
        extracttext :first 10 :upper "m"; set "a" "${a}[${m}]"; } } fileinto "${a}";"""
    )
    assert actions(script, "multipart") == [FileInto("[A PLAIN PA][<HTML><BOD][]")]
    assert actions(REQUIRE + 'foreverypart { extracttext :first 12 "m"; } fileinto "${m}";', "encoded") == [
        FileInto("Schöne Grüße")
    ]


def test_the_example_of_the_sections() -> None:
    """§8, shortened: executables are refused or replaced."""
    script = """require ["foreverypart", "mime", "fileinto"]; foreverypart {
        if allof (header :mime :param "filename" :contains "Content-Disposition" "important",
                  header :mime :subtype "Content-Type" "pdf", size :over 1) { fileinto "INBOX.important"; break; } }"""
    assert actions(script, "multipart") == [Keep(is_implicit=True)]
    assert actions(script.replace("important", "report"), "multipart") == [FileInto("INBOX.report")]


def test_loops_end_where_they_should() -> None:
    script = (
        REQUIRE
        + """foreverypart :name "a" { set "x" "${x}a"; foreverypart :name "b" { set "x" "${x}b";
        break :name "a"; } } fileinto "${x}";"""
    )
    assert actions(script, "multipart") == [FileInto("ab")]
    assert "no loop" in problems(REQUIRE + 'foreverypart :name "y" { break :name "x"; }')[0].message


def test_what_belongs_into_loops() -> None:
    assert "must be inside" in problems('require "foreverypart"; break;')[0].message
    assert "must be inside" in problems('require ["extracttext", "variables"]; extracttext "a";')[0].message
    assert problems('require "replace"; replace :mime :subject "x" "y";')
    assert problems('require "mime"; if header :anychild "a" "b" { stop; }')
    assert problems('require "mime"; if header :mime :type :subtype "a" "b" { stop; }')


def test_broken_mime_is_a_leaf() -> None:
    broken = message(
        'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: multipart/mixed; boundary="x"\n\n--x\n'
    )
    assert actions(REQUIRE + 'foreverypart { set "a" "${a}1"; } fileinto "${a}";', broken)
    assert actions(REQUIRE + 'foreverypart { replace "x"; }', MessageBytes(b"", b""))
