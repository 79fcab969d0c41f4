"""The POP3 engine: commands, states, limits, content."""

import random

import pytest

from compostela.protocols.pop3 import states
from compostela.protocols.pop3.commands import (
    Auth,
    Capa,
    Command,
    Dele,
    List,
    Mechanisms,
    Noop,
    Pass,
    Quit,
    Retr,
    Stat,
    Top,
    Uidl,
    User,
)
from compostela.protocols.pop3.content import DotStuffer, LineCounter
from compostela.protocols.pop3.engine import (
    MAX_AUTH_LINE,
    MAX_LINE,
    Event,
    Faulty,
    Line,
    LineTooLong,
    Pop3Engine,
    Received,
)
from compostela.protocols.pop3.states import State


def events(engine: Pop3Engine, octets: bytes) -> list[Event]:
    """All commands succeed."""
    engine.receive(octets)
    found = []
    while (event := engine.next_event()) is not None:
        found.append(event)
        if isinstance(event, Received):
            engine.answered(event.command, ok=True)
    return found


def logged_in() -> Pop3Engine:
    engine = Pop3Engine()
    assert len(events(engine, b"USER a\r\nPASS b\r\n")) == 2
    assert engine.state is State.TRANSACTION
    return engine


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"stat", Stat()),
        (b"STAT ", Stat()),
        (b"List", List()),
        (b"LIST 3", List(3)),
        (b"UIDL 0000000003", Uidl(3)),
        (b"RETR 1", Retr(1)),
        (b"DELE  2", Dele(2)),
        (b"TOP 1 0", Top(1, 0)),
        (b"NOOP", Noop()),
        (b"QUIT", Quit()),
        (b"CAPA", Capa()),
    ],
)
def test_commands_after_a_login(line: bytes, command: Command) -> None:
    assert events(logged_in(), line + b"\r\n") == [Received(command)]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"USER bob", User(b"bob")),
        (b"USER  b\xc3\xb6b ", User("böb".encode())),
        (b"AUTH", Mechanisms()),
        (b"auth plain", Auth("PLAIN")),
        (b"AUTH PLAIN =", Auth("PLAIN", b"=")),
        (b"AUTH SCRAM-SHA-256 YWI=", Auth("SCRAM-SHA-256", b"YWI=")),
    ],
)
def test_commands_before_a_login(line: bytes, command: Command) -> None:
    assert events(Pop3Engine(), line + b"\n") == [Received(command)]


@pytest.mark.parametrize("password", [b" secret", b"secret ", b"two words", b"  "])
def test_spaces_belong_to_the_password(password: bytes) -> None:
    assert events(Pop3Engine(), b"USER a\r\nPASS " + password + b"\r\n")[1] == Received(Pass(password))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", "Unknown command."),
        (b"XTND", "Unknown command."),
        (b"RETR", "Usage: RETR [mail number]"),
        (b"RETR x", "Usage: RETR [mail number]"),
        (b"RETR -1", "Usage: RETR [mail number]"),
        (b"RETR 1 2", "Usage: RETR [mail number]"),
        (b"RETR 99999999999", "Usage: RETR [mail number]"),
        ("RETR ١".encode(), "Usage: RETR [mail number]"),
        (b"LIST 1 2", "Usage: LIST [mail number]"),
        (b"UIDL x", "Usage: UIDL [mail number]"),
        (b"TOP 1", "Usage: TOP [mail number] [line count]"),
        (b"TOP 1 -1", "Usage: TOP [mail number] [line count]"),
        (b"STAT 1", "STAT takes no argument."),
        (b"USER a", "Command not valid in this state."),
        (b"PASS a", "Command not valid in this state."),
        (b"STLS", "Command not valid in this state."),
        (b"UTF8", "Command not valid in this state."),
        (b"AUTH PLAIN", "Command not valid in this state."),
        (b"AUTH PLAIN a b", "Invalid AUTH request."),
        (b"AUTH PLAIN \xff", "Invalid AUTH request."),
        (b"AUTH P?", "Invalid AUTH request."),
    ],
)
def test_faults_after_a_login(line: bytes, text: str) -> None:
    engine = logged_in()
    assert events(engine, line + b"\r\nNOOP\r\n") == [Faulty(text), Received(Noop())]


def test_no_message_can_be_had_before_a_login() -> None:
    engine = Pop3Engine()
    for line in (b"STAT", b"LIST", b"UIDL", b"RETR 1", b"TOP 1 1", b"DELE 1", b"RSET", b"NOOP", b"PASS x"):
        assert events(engine, line + b"\r\n") == [Faulty("Command not valid in this state.")]


def test_a_refused_password_needs_its_user_again() -> None:
    engine = Pop3Engine()
    engine.receive(b"USER a\r\nPASS b\r\nPASS c\r\n")
    for ok in (True, False):
        event = engine.next_event()
        assert isinstance(event, Received)
        engine.answered(event.command, ok=ok)
    assert engine.next_event() == Faulty("Command not valid in this state.")


def test_nothing_is_a_command_after_quit() -> None:
    engine = logged_in()
    assert events(engine, b"QUIT\r\nDELE 1\r\n") == [Received(Quit())]
    assert engine.state is State.UPDATE
    assert events(Pop3Engine(), b"QUIT\r\nUSER a\r\n") == [Received(Quit())]


def test_every_command_is_in_the_table() -> None:
    assert set(states.ALLOWED) == set(Command.__args__)  # type: ignore[attr-defined]


def test_an_answer_to_a_challenge_is_no_command() -> None:
    engine = Pop3Engine()
    engine.receive(b"AUTH PLAIN\r\nQUIT\r\nQUIT\r\n")
    assert engine.next_event() == Received(Auth("PLAIN"))
    engine.expect_line()
    assert engine.next_event() == Line(b"QUIT")
    engine.answered(Auth("PLAIN"), ok=False)
    assert engine.next_event() == Received(Quit())


def test_a_line_too_long_is_the_end() -> None:
    engine = Pop3Engine()
    assert events(engine, b"USER " + b"x" * MAX_LINE) == [LineTooLong()]
    assert events(engine, b"\r\nQUIT\r\n") == []
    assert engine.buffered == 0
    fits = b"USER " + b"x" * (MAX_LINE - 7) + b"\r\n"
    assert len(events(Pop3Engine(), fits)) == 1


def test_a_line_of_an_exchange_may_be_longer() -> None:
    token = b"A" * 12_000
    assert events(Pop3Engine(), b"AUTH XOAUTH2 " + token + b"\r\n") == [Received(Auth("XOAUTH2", token))]
    engine = Pop3Engine()
    engine.expect_line()
    assert events(engine, token + b"\r\n") == [Line(token)]
    assert events(Pop3Engine(), b"AUTH XOAUTH2 " + b"A" * MAX_AUTH_LINE) == [LineTooLong()]


def test_a_handshake_forgets_the_user_and_what_waits() -> None:
    engine = Pop3Engine()
    assert events(engine, b"USER a\r\nPASS") == [Received(User(b"a"))]
    engine.forget()
    assert events(engine, b"PASS b\r\n") == [Faulty("Command not valid in this state.")]


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (b"", b".\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r", b"a\r\n.\r\n"),
        (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b".\r\n..\r\n...", b"..\r\n...\r\n....\r\n.\r\n"),
        (b"a\n.\nQUIT\n", b"a\r\n..\r\nQUIT\r\n.\r\n"),
        (b"\n\r\n\n.", b"\r\n\r\n\r\n..\r\n.\r\n"),
        (b"a\rb.c\r\n", b"a\rb.c\r\n.\r\n"),
    ],
)
def test_dots_and_line_ends_in_any_pieces(message: bytes, sent: bytes) -> None:
    dice = random.Random(1)
    for _ in range(30):
        stuffer, out, at = DotStuffer(), b"", 0
        while at < len(message):
            size = dice.randint(1, 3)
            out += stuffer.feed(message[at : at + size])
            at += size
        assert out + stuffer.end() == sent


def test_long_pieces_are_sent_as_short_ones_are() -> None:
    dice = random.Random(2)
    for _ in range(500):
        message = bytes(dice.choices(b"\r\n.a", k=dice.randint(1, 12)))
        whole, single = DotStuffer(), DotStuffer()
        one_by_one = b"".join(single.feed(message[at : at + 1]) for at in range(len(message))) + single.end()
        assert whole.feed(message) + whole.end() == one_by_one


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 4, 10**10])
def test_a_count_of_lines_in_any_pieces(lines: int) -> None:
    message = b"one\r\ntwo\nthree\r\nrest"
    wanted = b"".join(message.splitlines(keepends=True)[:lines])
    for step in range(1, 8):
        counter = LineCounter(lines)
        assert b"".join(counter.feed(message[at : at + step]) for at in range(0, len(message), step)) == wanted
