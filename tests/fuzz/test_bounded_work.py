"""What a peer sends costs time in proportion to its length, whatever it looks like: sixteen times the octets must not cost
hundreds of times the work. The bound lies between what is linear (16) and what is quadratic (256), on processor time of the
thread, best of several runs, so that a busy machine does not matter."""

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator

import pytest

from compostela.app.configuration.files import Reader
from compostela.base.settings import Problems
from compostela.mime import addresses, dates, encoded_words, parameters, uris
from compostela.mime.conversion import CannotConvert, converted, fits_seven_bit
from compostela.mime.downgrade import downgraded
from compostela.mime.headers import Headers, add_first, add_last, header_end, remove, unfold, values
from compostela.mime.scanner import describe
from compostela.mime.structure import Structure
from compostela.mime.text import decoded_text, html_text
from compostela.model.domain import Domain
from compostela.protocols.imap.responses import body_structure, envelope
from compostela.protocols.smtp import grammar
from compostela.sieve.errors import ScriptError
from compostela.sieve.host import Envelope, MessageBytes, PlainHost
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from tests.fuzz.engines import imap_events, managesieve_events, pop3_events, smtp_events

SMALL = 4 * 1024
GROWTH = 16
BOUND = 90
FLOOR_SECONDS = 0.002
"""What is quicker says more of the clock than of the parser."""

UNITS = [
    b"a", b"a ", b" ", b"\t", b"\r\n", b"\r\n ", b"\n", b"\r", b":", b"a:", b"a: b\r\n", b"a:\r\n b\r\n", b"X\r\n", b"=?", b"=?u?q?a", b"=?u?q?a?= ",
    b"=?u?b?", b"?", b"<", b">", b"<a@b>,", b"a@b,", b"a@", b"g:", b"g:;", b"(", b"()", b"((a)", b'"', b'"a', b'""', b"\\", b'\\"', b",", b";",
    b";a=b", b';a="', b';a="b', b";a*0=b", b";a*1*=", b";a*0*=''%e4", b"--", b"--b", b"\r\n--b", b"\r\n--b\r\n", b"\r\n--b--", b"\r\n--b\r\n\r\n",
    b"<style>", b"<script ", b"<a ", b"</style>", b"&", b"&#", b"&amp", b"%", b"\xff", b"\x00", b"1", b"Mon, ", b"From: a\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"${env:", b"a=b\n", b"a\\\n", b"\\u0041", b"<a>",
    b"http://", b"http:/", b"http://a%", b"mailto:", b"www.", b"href=", b"href='//",
]  # fmt: skip


def _thread_seconds(work: Callable[[bytes], object], octets: bytes, enough: float) -> float:
    """The best of three runs, or of fewer once one takes no longer than `enough`."""
    best = float("inf")
    for _ in range(3):
        start = time.thread_time()
        work(octets)
        best = min(best, time.thread_time() - start)
        if best <= enough:
            break
    return best


def _message(octets: bytes) -> None:
    end = header_end(octets)
    structure = describe(octets[:end], octets[end:])
    Structure.loads(structure.dumps())
    envelope(structure.envelope)
    body_structure(structure.root, extended=True)


def _header_block(octets: bytes) -> None:
    headers = Headers(octets)
    headers.get_all(b"From")
    headers.get(b"X")
    values(octets, b"From")
    remove(octets, [b"X"])
    add_first(octets, b"X: y")
    add_last(octets, b"X: y")
    unfold(octets)


def _field_value(octets: bytes) -> None:
    encoded_words.decode(octets)
    addresses.parse(octets)
    parameters.parse(octets)
    dates.parse(octets)


def _conversion(octets: bytes) -> None:
    end = header_end(octets)
    with contextlib.suppress(CannotConvert):
        converted(octets[:end], octets[end:] + "é".encode(), fits_seven_bit)


def _text(octets: bytes) -> None:
    for encoding in (b"7bit", b"base64", b"quoted-printable"):
        text = decoded_text(octets, encoding, b"utf-8")
        html_text(text)
        list(uris.hosts(text, is_html=True))


def _configuration(octets: bytes) -> None:
    for name in ("smtpserver.xml", "webadmin.properties"):
        Reader(Problems(), {}).parse(name, octets)


def _smtp(octets: bytes) -> None:
    smtp_events([octets])
    smtp_events([b"DATA\r\n", octets])
    smtp_events([b"DATA\r\n" + octets])


def _smtp_arguments(octets: bytes) -> None:
    for parse in (grammar.parse_mail, grammar.parse_rcpt):
        for start in (b"FROM:<", b"TO:<", b"FROM:<a@b> ", b"TO:<a@b> "):
            try:
                parse(start + octets, Domain("localhost"), True)
            except ValueError:
                continue
    grammar.is_helo_name(octets.decode("latin-1"), lenient=False)


def _imap(octets: bytes) -> None:
    imap_events([b"a LOGIN u p\r\n", octets, b"\r\n"])


def _script(octets: bytes) -> None:
    with contextlib.suppress(ScriptError):
        read_script(octets)


_SIEVE = Program(
    read_script("""require ["body", "variables", "regex", "mime", "foreverypart", "editheader", "date", "replace", "extracttext"];
        if header :matches ["X", "From"] "*a*a*b" { keep; }
        if header :regex ["X", "From"] "(a|b)*c$" { keep; }
        if address :matches :all "From" "*@*b*" { keep; }
        if date "X" "year" "1" { keep; }
        if body :content "" :matches "*a?a*b" { keep; }
        if header :mime :anychild :param "charset" :contains "Content-Type" "x" { keep; }
        foreverypart { extracttext :length "a"; if header :mime :subtype "Content-Type" "x" { replace "y"; } }
        deleteheader :contains "X" "zzz"; addheader "Y" "z";""").script
)


def _scripted_mail(octets: bytes) -> None:
    outcome = _SIEVE.run(MessageBytes.of(octets), Envelope("a@b.example", "c@d.example"), PlainHost())
    assert outcome.failure is None


def _pop3(octets: bytes) -> None:
    pop3_events([octets])
    pop3_events([b"USER u\r\nPASS p\r\n", octets, b"\r\n"])


def _managesieve(octets: bytes) -> None:
    managesieve_events([octets])
    managesieve_events([b'AUTHENTICATE "X" ""\r\n', octets, b"\r\n"])


def _downgrade(octets: bytes) -> None:
    downgraded(octets + "é\r\n\r\n".encode())


WORK: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "message": (
        _message,
        [b"", b"Subject: ", b"From: ", b"Content-Type: ", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
         b'Content-Type: multipart/mixed; boundary="', b"\r\n", b"References: ", b"Content-Disposition: a"],
    ),
    "conversion": (
        _conversion,
        [b"A: b\r\n\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"Content-Type: message/rfc822\r\n\r\n"],
    ),
    "header block": (_header_block, [b"", b"X: ", b"From: "]),
    "field value": (_field_value, [b"", b"text/plain", b"=?u?q?"]),
    "text": (_text, [b"", b"<style>", b"<!--"]),
    "configuration": (_configuration, [b"", b"<a>", b"a="]),
    "SMTP": (_smtp, [b"", b"MAIL FROM:"]),
    "SMTP arguments": (_smtp_arguments, [b"", b'"']),
    "Sieve script": (_script, [b"", b'keep; redirect "', b"if anyof (", b"text:\n", b"/*", b'require "variables"; set "a" "${']),
    "Sieve on a mail": (_scripted_mail, [b"", b"X: ", b"From: ", b"\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"]),
    "IMAP": (_imap, [b"b SEARCH ", b"b FETCH 1 (", b"b STORE ", b'b LIST "']),
    "POP3": (_pop3, [b"", b"AUTH PLAIN ", b"USER "]),
    "ManageSieve": (_managesieve, [b"", b'NOOP "', b"NOOP "]),
    "downgrade": (_downgrade, [b"Subject: ", b"To: ", b'To: "', b"X: "]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    """The garbage collector looks at all objects of the test process, which are no work of what is measured."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", WORK)
def test_work_grows_with_the_length(name: str) -> None:
    work, beginnings = WORK[name]
    slow = []
    for beginning in beginnings:
        for unit in UNITS:
            small, large = (beginning + unit * (size // len(unit)) for size in (SMALL, SMALL * GROWTH))
            once = _thread_seconds(work, large, math.inf)
            if once <= BOUND * FLOOR_SECONDS:
                continue  # however quick the small one is
            bound = BOUND * max(_thread_seconds(work, small, FLOOR_SECONDS), FLOOR_SECONDS)
            if once > bound and (much := _thread_seconds(work, large, bound)) > bound:
                slow.append((beginning, unit, round(bound / BOUND, 4), round(much, 3)))
    assert not slow
