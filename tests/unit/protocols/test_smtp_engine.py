"""The SMTP engine's promises on chunks, NUL and work."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.base.errors import InvalidArgument
from compostela.mime import xtext
from compostela.mime.lines import stuffed
from compostela.protocols.smtp import grammar
from compostela.protocols.smtp.engine import BadLineEnd, ChunkEnd, Command, Data, DataEnd, Event, SmtpEngine

PIPELINED_BYTES = 512 * 1024
SEVERAL_SECONDS = 5.0


def drained(engine: SmtpEngine) -> list[Event]:
    found = []
    while (event := engine.next_event()) is not None:
        found.append(event)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"RSET\r\n", b"\r\n", b"x\r\n", b"NOOP\r\n" + b"x" * 9000 + b"\r\n"])
def test_a_full_buffer_of_commands_costs_no_more_than_its_length(unit: bytes) -> None:
    def seconds(size: int) -> float:
        engine = SmtpEngine()
        engine.receive(unit * (size // len(unit)))
        start = time.thread_time()
        assert len(drained(engine)) >= size // len(unit)
        return time.thread_time() - start

    little = max(min(seconds(PIPELINED_BYTES // 16) for _ in range(3)), 0.002)
    assert min(seconds(PIPELINED_BYTES) for _ in range(3)) < 90 * little


def test_what_arrives_while_much_waits_is_not_copied_again_and_again() -> None:
    engine = SmtpEngine()
    engine.receive(b"NOOP\r\n" * 80_000)
    start = time.thread_time()
    engine.next_event()
    for _ in range(200_000):
        engine.receive(b"x")
    assert time.thread_time() - start < SEVERAL_SECONDS
    assert engine.buffered == 6 * 79_999 + 200_000


def test_an_endless_line_keeps_nothing() -> None:
    engine = SmtpEngine(1000)
    for _ in range(100):
        engine.receive(b"x" * 900)
        assert engine.next_event() is None
        assert engine.buffered <= 1000


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_chunk_is_octets_whatever_they_are(step: int) -> None:
    binary = b"\r\n.\r\nQUIT\r\n\x00\n.\n\r"
    octets = b"BDAT %d\r\n%bBDAT 0 LAST\r\nNOOP\r\n" % (len(binary), binary)
    engine = SmtpEngine()
    found: list[Event] = []
    for start in range(0, len(octets), step):
        engine.receive(octets[start : start + step])
        while (event := engine.next_event()) is not None:
            if isinstance(event, Command) and event.verb == b"BDAT":
                engine.start_chunk(grammar.parse_bdat(event.argument)[0])
            if isinstance(event, Data) and isinstance(found[-1], Data):
                event = Data(found.pop().octets + event.octets)  # type: ignore[union-attr]
            found.append(event)
    assert found == [
        Command(b"BDAT", b"%d" % len(binary)), Data(binary), ChunkEnd(), Command(b"BDAT", b"0 LAST"), ChunkEnd(),
        Command(b"NOOP", b""),
    ]  # fmt: skip


def test_nul_in_a_text_is_told_at_its_end_and_forgotten_with_it() -> None:
    engine = SmtpEngine()
    engine.start_data()
    engine.receive(b"a\r\n\x00.\r\nb\r\n.\r\n")
    assert drained(engine) == [Data(b"a\r\n\x00.\r\nb\r\n"), DataEnd(has_nul=True)]
    engine.start_data()
    engine.receive(b"a\r\n.\r\n")
    assert drained(engine) == [Data(b"a\r\n"), DataEnd()]


@given(st.lists(st.sampled_from([b".", b"x", b"\r\n", b"\r\n.", b"\r\n.\r\n"])), st.data())
def test_a_message_loses_the_dots_it_was_sent_with_however_it_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    message = b"".join(parts) + b"\r\n"
    sent = stuffed(message) + b".\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    engine = SmtpEngine()
    engine.start_data()
    found = []
    for start, end in pairwise([0, *cuts, len(sent)]):
        engine.receive(sent[start:end])
        found += drained(engine)
    assert found[-1] == DataEnd()
    assert b"".join(event.octets for event in found if isinstance(event, Data)) == message
    assert all(isinstance(event, Data) for event in found[:-1])


@pytest.mark.parametrize(("argument", "chunk"), [(b"0", (0, False)), (b"12 last", (12, True)), (b"7  LAST", (7, True))])
def test_sizes_of_chunks(argument: bytes, chunk: tuple[int, bool]) -> None:
    assert grammar.parse_bdat(argument) == chunk


@pytest.mark.parametrize("argument", [b"", b"-1", b"x", b"1 LAST x", b"1LAST", b"1" * 11, b"0x10", "\u0661".encode()])
def test_what_is_no_size_of_a_chunk(argument: bytes) -> None:
    with pytest.raises(grammar.BadChunk):
        grammar.parse_bdat(argument)


@pytest.mark.parametrize("text", ["", "a", "a b=c+d", "\x00\x7f", "ann@example.org"])
def test_xtext_there_and_back(text: str) -> None:
    assert xtext.decode(xtext.encode(text)) == text
    assert xtext.is_xtext(xtext.encode(text))


@pytest.mark.parametrize("text", ["a b", "a=b", "+4", "+4g", "+ab", "é"])
def test_what_is_no_xtext(text: str) -> None:
    with pytest.raises(InvalidArgument):
        xtext.decode(text)


@pytest.mark.parametrize("address", ["ann@example.org", "renée@bücher.example", "a+b=c\\d@e", "😀@例え.example"])
def test_utf8_addresses_there_and_back(address: str) -> None:
    encoded = xtext.encode_utf8_address(address)
    assert encoded.isascii()
    assert xtext.decode_utf8_address(encoded) == address


@pytest.mark.parametrize("text", ["", "a\\b", "\\x{D800}", "\\x{FFFFFF}", "a b", "\\x{e9}"])
def test_what_is_no_utf8_address(text: str) -> None:
    with pytest.raises(InvalidArgument):
        xtext.decode_utf8_address(text)


@pytest.mark.parametrize("pieces", [[b".\n\n"], [b".", b"\n\n"], [b".\n", b"\n"]], ids=repr)
def test_a_lone_dot_with_a_bare_lf_is_refused_at_once_however_it_comes(pieces: list[bytes]) -> None:
    engine = SmtpEngine()
    engine.start_data()
    found: list[Event] = []
    for piece in pieces:
        engine.receive(piece)
        found += drained(engine)
    assert found == [BadLineEnd()]
