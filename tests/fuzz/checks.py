"""What must hold for any octets: the targets of the fuzzer and of the properties."""

import contextlib

from compostela.app.configuration.files import Reader
from compostela.base.settings import Problems, Settings
from compostela.mime import addresses, dates, encoded_words, parameters
from compostela.mime.conversion import CannotConvert, converted, fits_eight_bit, fits_seven_bit
from compostela.mime.downgrade import downgraded
from compostela.mime.headers import Headers, add_first, add_last, header_end, remove, values
from compostela.mime.scanner import describe
from compostela.mime.structure import Part, Structure
from compostela.mime.text import decoded_text, html_text
from compostela.protocols.imap.responses import body_structure, envelope
from compostela.sieve.errors import ScriptError
from compostela.sieve.host import Envelope, MessageBytes, PlainHost
from compostela.sieve.limits import Limits as SieveLimits
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from compostela.sieve.tree import Script
from tests.fuzz.engines import imap_events, managesieve_events, pop3_events, smtp_client_answers, smtp_events

PIECE = 7
SIEVE_LIMITS = SieveLimits(steps=5_000, seconds=60.0)


def _pieces(octets: bytes) -> list[bytes]:
    return [octets[at : at + PIECE] for at in range(0, len(octets), PIECE)]


def smtp(octets: bytes) -> None:
    """Any split gives the same events."""
    assert smtp_events([octets]) == smtp_events(_pieces(octets))


def smtp_client(octets: bytes) -> None:
    """Any split gives the same answers."""
    assert smtp_client_answers([octets]) == smtp_client_answers(_pieces(octets))


def imap(octets: bytes) -> None:
    """Any split gives the same events."""
    assert imap_events([octets]) == imap_events(_pieces(octets))


def pop3(octets: bytes) -> None:
    """Any split gives the same events."""
    assert pop3_events([octets]) == pop3_events(_pieces(octets))


def managesieve(octets: bytes) -> None:
    """Any split gives the same events."""
    assert managesieve_events([octets]) == managesieve_events(_pieces(octets))


def mime(octets: bytes) -> None:
    """Nothing raises; every part lies inside the message and inside the part that holds it; the notes can be kept."""
    end = header_end(octets)
    header, body = octets[:end], octets[end:]
    structure = describe(header, body)
    _check_part(structure.root, 0, len(body))
    assert Structure.loads(structure.dumps()) == structure
    assert envelope(structure.envelope)
    assert body_structure(structure.root, extended=True)
    assert body_structure(structure.root, extended=False)
    _check_headers(header)
    assert downgraded(header) is header or downgraded(header).isascii()
    _check_texts(structure.root, body)
    _check_conversion(header, body)


def _check_part(part: Part, first: int, last: int) -> None:
    for start, end in (part.header, part.body):
        assert first <= start <= end <= last or (start, end) == (0, 0)
    for child in part.children:
        _check_part(child, *part.body)


def _check_headers(header: bytes) -> None:
    headers = Headers(header)
    for field in headers:
        value = headers.get(field.name) or b""
        assert values(header, field.name) == headers.get_all(field.name)
        encoded_words.decode(value)
        addresses.parse(value)
        parameters.parse(value)
        dates.parse(value)
        assert field.name.lower() not in {one.name.lower() for one in Headers(remove(header, [field.name]))}
    assert add_first(header, b"X-A: b").startswith(b"X-A: b\r\n")
    assert b"X-A: b" in add_last(header, b"X-A: b")


def _check_texts(part: Part, body: bytes) -> None:
    if part.type == b"text":
        octets = body[part.body[0] : part.body[1]]
        html_text(decoded_text(octets, part.encoding, parameters.get(part.parameters, b"charset")))
    for child in part.children:
        _check_texts(child, body)


def _check_conversion(header: bytes, body: bytes) -> None:
    """Made to fit a next hop or left as it is, with a reason."""
    for fits in (fits_seven_bit, fits_eight_bit):
        with contextlib.suppress(CannotConvert):
            made = converted(header, body, fits)
            assert made == (header, body) if fits(body) else made[0]


def configuration(octets: bytes) -> None:
    """A file is read, or there is a complaint with a place."""
    for name in ("smtpserver.xml", "webadmin.properties"):
        problems = Problems()
        node = Reader(problems, {"HOME": "/home"}).parse(name, octets)
        assert node is not None or problems.found
        assert all(problem.place.file == name for problem in problems.found)
        if node is not None:
            settings = Settings(node, problems)
            settings.integer("port", 1)
            settings.boolean("auth/required", False)
            settings.text("bind", "")
            settings.finish()


def sieve(octets: bytes) -> None:
    """A script gives a tree that can be kept, or the error of the reader; the tree gives actions for a mail."""
    try:
        script = read_script(octets, SIEVE_LIMITS).script
    except ScriptError:
        return
    assert Script.loads(script.dumps()) == script
    mail = MessageBytes.of(b"From: a@b\r\nSubject: x\r\nSubject: =?utf-8?q?=C3=A9?=\r\n\r\n" + octets)
    outcome = Program(script, SIEVE_LIMITS).run(mail, Envelope("a@b.example", "c@d.example"), PlainHost())
    assert outcome.actions
    assert outcome.failure is None or outcome.failure.place


TARGETS = {
    "smtp": smtp,
    "smtp_client": smtp_client,
    "imap": imap,
    "pop3": pop3,
    "managesieve": managesieve,
    "sieve": sieve,
    "mime": mime,
    "configuration": configuration,
}
