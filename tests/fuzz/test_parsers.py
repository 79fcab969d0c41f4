"""Parsers under input that looks right and is not."""

import email
import email.policy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compostela.base.errors import InvalidArgument
from compostela.mime import encoded_words
from compostela.mime.headers import header_end
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.model.sequence_set import SequenceSet
from compostela.model.uid_set import UidSet
from compostela.protocols.imap import utf7
from compostela.protocols.imap.engine import ImapEngine
from compostela.protocols.imap.engine import LineTooLong as ImapLineTooLong
from compostela.protocols.smtp.engine import BadLineEnd, Command, Data, DataEnd, LineTooLong, SmtpEngine
from tests.fuzz import checks, run
from tests.fuzz.engines import MAX_LINE, imap_events, smtp_events
from tests.fuzz.strategies import IMAP_ENDS, IMAP_LINES, SMTP_ENDS, SMTP_LINES, conversation, cut, entities

CORPUS = sorted((Path(__file__).parents[1] / "data/corpus").glob("*.msg"))
ROUNDS = 300
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@pytest.mark.parametrize("target", sorted(checks.TARGETS))
def test_fuzz(target: str) -> None:
    assert run.run(target, rounds=ROUNDS, seconds=30.0, seed=1) is None


@quick
@given(st.data(), conversation(SMTP_LINES, SMTP_ENDS))
def test_smtp_in_any_pieces(data: st.DataObject, octets: bytes) -> None:
    assert smtp_events(data.draw(cut(octets))) == smtp_events([octets])


@quick
@given(st.data(), conversation(IMAP_LINES, IMAP_ENDS))
def test_imap_in_any_pieces(data: st.DataObject, octets: bytes) -> None:
    assert imap_events(data.draw(cut(octets))) == imap_events([octets])


SMUGGLED = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n\n.\r\n",
    b"\r\n.\r\r\n",
    b"\r\n\x00.\n",
]


@pytest.mark.parametrize("end", SMUGGLED)
@quick
@given(st.data())
def test_nothing_but_crlf_ends_a_message(end: bytes, data: st.DataObject) -> None:
    octets = b"DATA\r\nSubject: x\r\n\r\nhello" + end + b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<a@b>\r\n.\r\n"
    events = smtp_events(data.draw(cut(octets)))
    assert events == [Command(b"DATA", b""), BadLineEnd()]


@quick
@given(st.data(), st.lists(st.sampled_from([b".", b"..", b".a", b"", b"text", b"a.", b". "]), max_size=8))
def test_dots_come_through(data: st.DataObject, lines: list[bytes]) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    events = smtp_events(data.draw(cut(b"DATA\r\n" + stuffed + b".\r\nNOOP\r\n")))
    whole = [Data(message)] if message else []
    assert events == [Command(b"DATA", b""), *whole, DataEnd(), Command(b"NOOP", b"")]


def test_an_endless_line_is_thrown_away() -> None:
    engine = SmtpEngine(MAX_LINE)
    for _ in range(1000):
        engine.receive(b"x" * 1000)
        assert engine.next_event() is None
        assert engine.buffered <= MAX_LINE
    engine.receive(b"\r\nNOOP\r\n")
    assert [engine.next_event(), engine.next_event()] == [LineTooLong(), Command(b"NOOP", b"")]


def test_an_endless_line_of_imap_ends_the_session() -> None:
    engine = ImapEngine(MAX_LINE)
    engine.receive(b"a " + b"x" * 2 * MAX_LINE)
    assert engine.next_event() == ImapLineTooLong(b"a")
    assert engine.next_event() is None


def test_literals_before_login_are_small() -> None:
    engine = ImapEngine(MAX_LINE)
    engine.receive(b"a LOGIN {1000000+}\r\n")
    assert engine.next_event() == ImapLineTooLong(b"a")


@quick
@given(entities())
def test_any_message_has_a_structure(octets: bytes) -> None:
    checks.mime(octets)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_difficult_mails_have_a_structure(path: Path) -> None:
    checks.mime(path.read_bytes())


def test_nesting_is_bounded() -> None:
    octets = b""
    for depth in range(500):
        octets += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth)
    checks.mime(octets)
    checks.mime(b"Content-Type: message/rfc822\r\n\r\n" * 500)
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 50_000
    end = header_end(many)
    assert len(describe(many[:end], many[end:]).root.children) <= 10_000


@quick
@given(
    st.lists(st.tuples(st.sampled_from(["mixed", "alternative", "related"]), st.integers(1, 3)), min_size=1, max_size=3)
)
def test_well_formed_messages_have_the_parts_that_others_see(levels: list[tuple[str, int]]) -> None:
    octets = _nested(levels, 0)
    end = header_end(octets)
    structure = describe(octets[:end], octets[end:])
    assert _shape(structure.root) == _shape_of(email.message_from_bytes(octets, policy=email.policy.compat32))


def _nested(levels: list[tuple[str, int]], depth: int) -> bytes:
    if depth == len(levels):
        return b"Content-Type: text/plain\r\n\r\nleaf\r\n"
    subtype, count = levels[depth]
    boundary = b"b%d" % depth
    head = b'Content-Type: multipart/%s; boundary="%s"\r\n\r\npreamble\r\n' % (subtype.encode(), boundary)
    parts = b"".join(b"--%s\r\n%s\r\n" % (boundary, _nested(levels, depth + 1)) for _ in range(count))
    return head + parts + b"--%s--\r\n" % boundary


def _shape(part: Part) -> object:
    return [_shape(child) for child in part.children] if part.is_multipart else part.type + b"/" + part.subtype


def _shape_of(message: "email.message.Message") -> object:
    if message.is_multipart():
        return [_shape_of(part) for part in message.get_payload() if not isinstance(part, str)]
    return message.get_content_type().encode()


@quick
@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=60))
def test_mailbox_names_come_back(name: str) -> None:
    assert utf7.decode(utf7.encode(name)) == name


@quick
@given(st.binary(max_size=60))
def test_mailbox_names_are_read_or_refused(octets: bytes) -> None:
    try:
        name = utf7.decode(octets)
    except InvalidArgument:
        return
    assert utf7.decode(utf7.encode(name)) == name


@quick
@given(st.lists(st.text(alphabet="abcäöü€😀?=_", min_size=1, max_size=30), min_size=1, max_size=6))
def test_encoded_words_come_back(words: list[str]) -> None:
    text = " ".join(words)
    if "=?" in text:
        return
    encoded = encoded_words.encode(text)
    assert encoded.isascii()
    assert all(len(word) <= 75 for word in encoded.split(" ") if word.startswith("=?"))
    assert encoded_words.decode(encoded.encode()) == text


@quick
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=6), st.sets(st.integers(1, 60)))
def test_sequence_sets_name_what_the_rfc_says(ranges: list[tuple[int, int]], present: set[int]) -> None:
    def shown(number: int) -> str:
        return str(number) if number else "*"

    parsed = SequenceSet.parse(",".join(f"{shown(a)}:{shown(b)}" for a, b in ranges).encode())
    highest = max(present, default=0)
    wanted = set()
    for one, other in ranges:
        first, last = sorted((one or highest, other or highest))
        wanted |= set(range(first, last + 1))
    assert set(parsed.uids(UidSet.of(present))) == wanted & present
    count = len(present)
    numbered = {position + 1: uid for position, uid in enumerate(sorted(present))}
    by_number = set()
    for one, other in ranges:
        first, last = sorted((one or count, other or count))
        by_number |= {numbered[n] for n in range(max(1, first), min(last, count) + 1)}
    assert set(parsed.resolve(UidSet.of(present), uid=False)) == by_number


def test_an_empty_part_before_a_line_feed_stays_inside_its_parent() -> None:
    head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    checks.mime(head + b"--b\n" + head + b"--b\r\n" + head + b"--b\r\n\n--b--\r\n")
