"""Octets to events: whole commands, literals, APPEND, limits, and that no split of the input changes anything."""

import pytest

from compostela.model.flags import Flags
from compostela.protocols.imap import commands as c
from compostela.protocols.imap.engine import (
    MAX_SHORT_LITERALS,
    MAX_TAG,
    AppendData,
    AppendEnded,
    AppendStarted,
    Continue,
    Event,
    Faulty,
    ImapEngine,
    Line,
    LineTooLong,
    Received,
)


def drained(engine: ImapEngine) -> list[Event]:
    found = []
    while (event := engine.next_event()) is not None:
        found.append(event)
    return found


def events(octets: bytes, *, at_once: bool = True, max_line: int = 65_536) -> list[Event]:
    """What the octets make; with `at_once` false they come one by one, and the pieces of a message are joined."""
    engine = ImapEngine(max_line)
    found: list[Event] = []
    for piece in [octets] if at_once else [octets[n : n + 1] for n in range(len(octets))]:
        engine.receive(piece)
        for event in drained(engine):
            if isinstance(event, AppendData) and found and isinstance(found[-1], AppendData):
                event = AppendData(found.pop().octets + event.octets)
            found.append(event)
    return found


LOGIN = Received(b"a1", "LOGIN", c.Login(b"ann", b"se cret"))
APPEND = c.Append("saved", Flags(), None, 5)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "octet by octet"])
@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"a1 NOOP\r\n", [Received(b"a1", "NOOP", c.Simple("NOOP"))]),
        (b"a1 noop\n", [Received(b"a1", "NOOP", c.Simple("NOOP"))]),
        (b'a1 LOGIN ann "se cret"\r\n', [LOGIN]),
        (b"a1 LOGIN {3+}\r\nann {7+}\r\nse cret\r\n", [LOGIN]),
        (b"a1 LOGIN {3}\r\nann {7}\r\nse cret\r\n", [Continue(), Continue(), LOGIN]),
        (b"a1 LOGIN ann {0+}\r\n\r\n", [Received(b"a1", "LOGIN", c.Login(b"ann", b""))]),
        (
            b"a1 CHECK\r\na2 uid expunge 1\r\n",
            [
                Received(b"a1", "CHECK", c.Simple("CHECK")),
                Received(b"a2", "UID EXPUNGE", c.Expunge(c.SequenceSet(((1, 1),)))),
            ],
        ),
        (
            b"a1 APPEND saved {5+}\r\na\r\nb}\r\n",
            [AppendStarted(b"a1", APPEND, waits=False), AppendData(b"a\r\nb}"), AppendEnded()],
        ),
        (
            b"a1 APPEND saved {5}\r\nhello\r\na2 NOOP\r\n",
            [
                AppendStarted(b"a1", APPEND, waits=True),
                AppendData(b"hello"),
                AppendEnded(),
                Received(b"a2", "NOOP", c.Simple("NOOP")),
            ],
        ),
        (
            b"a1 APPEND {5+}\r\nsaved {5+}\r\nhello\r\n",
            [AppendStarted(b"a1", APPEND, waits=False), AppendData(b"hello"), AppendEnded()],
        ),
        (
            b"a1 APPEND saved {5+}\r\nhello {3+}\r\nyou\r\na2 NOOP\r\n",
            [
                AppendStarted(b"a1", APPEND, waits=False),
                AppendData(b"hello"),
                AppendEnded("Illegal arguments."),
                Received(b"a2", "NOOP", c.Simple("NOOP")),
            ],
        ),
        (
            b"a1 APPEND saved (\\Nonsense) {5+}\r\na3 X\n\r\na2 NOOP\r\n",
            [Faulty(b"a1", "APPEND", "Illegal arguments."), Received(b"a2", "NOOP", c.Simple("NOOP"))],
        ),
        (b"a1 XYZZY\r\n", [Faulty(b"a1", "XYZZY", "Unknown command.", unknown=True)]),
        (b"a1\r\n", [Faulty(b"a1", "", "Unknown command.", unknown=True)]),
        (b"\r\n", [Faulty(b"*", "", "Unknown command.", unknown=True)]),
        (b"+ NOOP\r\n", [Faulty(b"*", "", "Unknown command.", unknown=True)]),
        (b"a1 NOOP x\r\n", [Faulty(b"a1", "NOOP", "Illegal arguments.")]),
        (b"a1 SEARCH CHARSET X TEXT a\r\n", [Faulty(b"a1", "SEARCH", "X", bad_charset=True)]),
        (b"a" * (MAX_TAG + 1) + b" NOOP\r\n", [Faulty(b"*", "", "Unknown command.", unknown=True)]),
    ],
)
def test_events(octets: bytes, expected: list[Event], at_once: bool) -> None:
    assert events(octets, at_once=at_once) == expected


def test_a_line_that_is_asked_for_is_no_command() -> None:
    engine = ImapEngine()
    engine.receive(b"a1 IDLE\r\nDONE\r\na2 NOOP\r\n")
    assert engine.next_event() == Received(b"a1", "IDLE", c.Simple("IDLE"))
    engine.expect_line()
    assert drained(engine) == [Line(b"DONE"), Received(b"a2", "NOOP", c.Simple("NOOP"))]


def test_nothing_from_before_a_handshake_is_used_after_it() -> None:
    engine = ImapEngine()
    engine.receive(b"a1 STARTTLS\r\na2 LOGIN eve {1+}\r\n")
    assert engine.next_event() == Received(b"a1", "STARTTLS", c.Simple("STARTTLS"))
    assert engine.next_event() is None
    engine.forget()
    engine.receive(b"a3 NOOP\r\n")
    assert drained(engine) == [Received(b"a3", "NOOP", c.Simple("NOOP"))]


@pytest.mark.parametrize("sent", [True, False])
def test_a_message_that_is_refused_is_skipped_if_it_comes(sent: bool) -> None:
    engine = ImapEngine()
    engine.receive(b"a1 APPEND saved {9%s}\r\n" % (b"+" if sent else b""))
    assert isinstance(engine.next_event(), AppendStarted)
    engine.refuse_append(sent=sent)
    engine.receive((b"a2 NOOP\r\n\r\n" if sent else b"") + b"a3 NOOP\r\n")
    assert drained(engine) == [Received(b"a3", "NOOP", c.Simple("NOOP"))]


@pytest.mark.parametrize(
    ("octets", "tag"),
    [
        (b"a1 NOOP" + b" " * 40, b"a1"),
        (b"a1 LOGIN {3+}\r\nann" + b" " * 40, b"a1"),
        (b"a1 LOGIN " + b"x" * 20 + b"{1+}\r\na" + b"x" * 20 + b"\r\n", b"a1"),
        (b"x" * 41, b"*"),
    ],
)
def test_a_command_whose_lines_are_too_long_ends_the_reading(octets: bytes, tag: bytes) -> None:
    assert events(octets + b"\r\na2 NOOP\r\n", max_line=40) == [LineTooLong(tag)]


def test_after_the_end_nothing_is_kept() -> None:
    engine = ImapEngine(40)
    engine.receive(b"x" * 80)
    assert drained(engine) == [LineTooLong()]
    engine.receive(b"a2 NOOP\r\n")
    assert engine.buffered == 0
    assert drained(engine) == []


def test_literals_that_are_too_large_are_refused_before_they_come() -> None:
    size = MAX_SHORT_LITERALS + 1
    too_large = Faulty(b"a1", "", "Literal size exceeded.")
    assert events(b"a1 LOGIN {%d}\r\n" % size) == [too_large]
    # before the login, a literal that comes all the same ends the reading
    assert events(b"a1 LOGIN {%d+}\r\n" % size) == [LineTooLong(b"a1")]


def test_after_the_login_a_literal_that_is_too_large_is_skipped() -> None:
    engine = ImapEngine()
    engine.logged_in()
    size = MAX_SHORT_LITERALS + 1
    engine.receive(b"a1 CREATE {%d+}\r\n" % size + b"x" * size + b"\r\na2 NOOP\r\n")
    expected = [Faulty(b"a1", "", "Literal size exceeded."), Received(b"a2", "NOOP", c.Simple("NOOP"))]
    assert drained(engine) == expected


def test_after_the_login_a_search_may_have_a_large_literal() -> None:
    size = MAX_SHORT_LITERALS + 1
    engine = ImapEngine()
    engine.logged_in()
    engine.receive(b"a1 SEARCH TEXT {%d+}\r\n" % size + b"x" * size + b"\r\n")
    key = c.SearchKey("TEXT", "x" * size)
    assert drained(engine) == [Received(b"a1", "SEARCH", c.Search(key, uid=False))]


def test_a_password_is_in_no_representation() -> None:
    assert "se cret" not in repr(LOGIN)


@pytest.mark.parametrize("line", [b"a NOOP\r\n", b"a noop\n", b"DONE\r\n"])
def test_a_short_command_is_known_before_it_is_parsed(line: bytes) -> None:
    engine = ImapEngine()
    engine.receive(line)
    assert engine.is_at_short_command


@pytest.mark.parametrize(
    "octets",
    [b"a NOOP", b"a FETCH 1 FLAGS\r\n", b"a NOOP\r\nb FETCH 1 FLAGS\r\n", b"NOOP\r\n", b"a NOOP {3}\r\n", b"\r\n", b""],
)
def test_all_else_may_be_long(octets: bytes) -> None:
    engine = ImapEngine()
    engine.receive(octets)
    assert not engine.is_at_short_command


@pytest.mark.parametrize("octets", [b"a APPEND INBOX {20+}\r\n", b"a LOGIN bob {3+}\r\nabc"])
def test_what_looks_like_a_short_command_amid_another_may_be_long(octets: bytes) -> None:
    engine = ImapEngine()
    engine.receive(octets)
    drained(engine)
    engine.receive(b"b NOOP\r\n")
    assert not engine.is_at_short_command
