"""The ManageSieve engine: commands, states, literals, limits, responses (RFC 5804)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compostela.protocols.managesieve import responses, states
from compostela.protocols.managesieve.commands import (
    Authenticate,
    Capability,
    CheckScript,
    Command,
    DeleteScript,
    GetScript,
    HaveSpace,
    ListScripts,
    Logout,
    Noop,
    PutScript,
    RenameScript,
    SetActive,
    StartTls,
    Unauthenticate,
)
from compostela.protocols.managesieve.engine import (
    MAX_LINE,
    MAX_LITERALS_BEFORE_LOGIN,
    MAX_SKIPPED,
    Answer,
    Broken,
    Event,
    Faulty,
    ManageSieveEngine,
    Received,
)
from compostela.protocols.managesieve.lexer import String, tokenise
from compostela.protocols.managesieve.responses import Capabilities
from compostela.protocols.managesieve.states import State

SYNTAX = "ManageSieve syntax is incorrect: "
WRONG_STATE = Faulty("Command not valid in this state")
LOGIN = b'AUTHENTICATE "PLAIN" "AGEAYg=="\r\n'


def events(engine: ManageSieveEngine, octets: bytes) -> list[Event]:
    """All commands succeed."""
    engine.receive(octets)
    found = []
    while (event := engine.next_event()) is not None:
        found.append(event)
        if isinstance(event, Received):
            engine.answered(event.command, ok=True)
    return found


def logged_in(max_script_bytes: int = 1000) -> ManageSieveEngine:
    engine = ManageSieveEngine(max_script_bytes)
    assert events(engine, LOGIN) == [Received(Authenticate("PLAIN", b"AGEAYg=="))]
    assert engine.state is State.AUTHENTICATED
    return engine


@pytest.mark.parametrize(
    ("octets", "command"),
    [
        (b"capability\r\n", Capability()),
        (b"NOOP\r\n", Noop()),
        (b'NoOp "STARTTLS-SYNC-42"\r\n', Noop(b"STARTTLS-SYNC-42")),
        (b'HAVESPACE "my script" 4294967295\r\n', HaveSpace("my script", 2**32 - 1)),
        (b'PUTSCRIPT "foo" {6+}\r\nkeep;\n\r\n', PutScript("foo", b"keep;\n")),
        (b"PUTSCRIPT {3+}\r\nfoo {6}\r\nkeep;\n\r\n", PutScript("foo", b"keep;\n")),
        (b'PUTSCRIPT "foo" "keep;"\r\n', PutScript("foo", b"keep;")),
        (b'PUTSCRIPT "foo" {0+}\r\n\r\n', PutScript("foo", b"")),
        (b"CHECKSCRIPT {5+}\r\n}\r\n{9\r\n", CheckScript(b"}\r\n{9")),
        (b"LISTSCRIPTS \r\n", ListScripts()),
        (b'SETACTIVE "vacation"\r\n', SetActive("vacation")),
        (b'SETACTIVE ""\r\n', SetActive(None)),
        (b'GETSCRIPT "a\\"b\\\\c"\r\n', GetScript('a"b\\c')),
        (b'GETSCRIPT "{5+}"\r\n', GetScript("{5+}")),
        ('DELETESCRIPT "e\u0301t\u00e9"\r\n'.encode(), DeleteScript("\u00e9t\u00e9")),
        (b'RENAMESCRIPT "a" "b"\r\n', RenameScript("a", "b")),
        (b"UNAUTHENTICATE\n", Unauthenticate()),
        (b"LOGOUT\r\n", Logout()),
    ],
)
def test_commands_in_one_piece_and_in_many(octets: bytes, command: Command) -> None:
    assert events(logged_in(), octets) == [Received(command)]
    engine = logged_in()
    found = [event for at in range(len(octets)) for event in events(engine, octets[at : at + 1])]
    assert found == [Received(command)]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", SYNTAX + "missing command"),
        (b'"NOOP"', SYNTAX + "missing command"),
        (b"BOGUS", "Unknown command"),
        (b'BOGUS {4+}\r\nNOOP "x"', "Unknown command"),
        (b"GETSCRIPT", SYNTAX + "Missing argument: script name"),
        (b'PUTSCRIPT "a"', SYNTAX + "Missing argument: script"),
        (b'RENAMESCRIPT "a"', SYNTAX + "Missing argument: new script name"),
        (b"HAVESPACE", SYNTAX + "Missing argument: script name"),
        (b'NOOP "a" "b"', SYNTAX + "Too many arguments"),
        (b"GETSCRIPT foo", SYNTAX + "a string is expected"),
        (b'GETSCRIPT ""', SYNTAX + "a script name is empty"),
        (b'GETSCRIPT "a\x01b"', SYNTAX + "a script name has a control character or a line separator"),
        ('GETSCRIPT "a\u2028b"'.encode(), SYNTAX + "a script name has a control character or a line separator"),
        ('GETSCRIPT "a\u0085b"'.encode(), SYNTAX + "a script name has a control character or a line separator"),
        (b'GETSCRIPT "\xff"', SYNTAX + "a script name is not UTF-8"),
        (b'GETSCRIPT "' + b"x" * 513 + b'"', SYNTAX + "a script name is longer than 512 characters"),
        (b'NOOP "' + b"x" * 1025 + b'"', SYNTAX + "a quoted string is longer than 1024 octets"),
        (b'HAVESPACE "a" 4294967296', SYNTAX + "a number below 4294967296 is expected"),
        (b'HAVESPACE "a" 01', SYNTAX + "a number below 4294967296 is expected"),
        (b'HAVESPACE "a" "1"', SYNTAX + "a number below 4294967296 is expected"),
        (b'NOOP "a', SYNTAX + "a string is not closed"),
        (b'NOOP "a\\x"', SYNTAX + "a string is not closed"),
        (b"NOOP (", SYNTAX + "unexpected character"),
        (b'NOOP"a"', SYNTAX + "missing space"),
        (b"NOOP{1+}\r\na", SYNTAX + "missing space"),
        (b'RENAMESCRIPT {1+}\r\na"b"', SYNTAX + "missing space"),
        (b"STARTTLS", "Command not valid in this state"),
        (b'AUTHENTICATE "PLAIN"', "Command not valid in this state"),
    ],
)
def test_faults_and_the_command_after_them(line: bytes, text: str) -> None:
    assert events(logged_in(), line + b"\r\nNOOP\r\n") == [Faulty(text), Received(Noop())]


def test_no_script_can_be_had_before_a_login() -> None:
    engine = ManageSieveEngine()
    for octets in (
        b'HAVESPACE "a" 1\r\n', b'PUTSCRIPT "a" {1+}\r\nx\r\n', b'CHECKSCRIPT ""\r\n', b"LISTSCRIPTS\r\n", b'SETACTIVE ""\r\n',
        b'GETSCRIPT "a"\r\n', b'DELETESCRIPT "a"\r\n', b'RENAMESCRIPT "a" "b"\r\n', b"UNAUTHENTICATE\r\n",
    ):  # fmt: skip
        assert events(engine, octets) == [WRONG_STATE]
    assert events(engine, b"STARTTLS\r\n") == [Received(StartTls())]


def test_every_command_is_in_the_table() -> None:
    assert set(states.ALLOWED) == set(Command.__args__)  # type: ignore[attr-defined]


def test_unauthenticate_begins_anew_and_logout_ends() -> None:
    engine = logged_in()
    assert events(engine, b"UNAUTHENTICATE\r\nLISTSCRIPTS\r\n" + LOGIN + b"LISTSCRIPTS\r\nLOGOUT\r\nNOOP\r\n") == [
        Received(Unauthenticate()), WRONG_STATE, Received(Authenticate("PLAIN", b"AGEAYg==")), Received(ListScripts()),
        Received(Logout()),
    ]  # fmt: skip


def test_a_refused_login_changes_nothing() -> None:
    engine = ManageSieveEngine()
    engine.receive(LOGIN + b"LISTSCRIPTS\r\n")
    assert engine.next_event() == Received(Authenticate("PLAIN", b"AGEAYg=="))
    engine.answered(Authenticate("PLAIN", b"AGEAYg=="), ok=False)
    assert engine.next_event() == WRONG_STATE


@pytest.mark.parametrize(
    ("octets", "event"),
    [
        (b'"AGEAYg=="\r\n', Answer(b"AGEAYg==")),
        (b"{8+}\r\nAGEAYg==\r\n", Answer(b"AGEAYg==")),
        (b'""\r\n', Answer(b"")),
        (b'"*"\r\n', Answer(None)),
        (b'"no base64"\r\n', Faulty(SYNTAX + "not base64")),
        (b"LOGOUT\r\n", Faulty(SYNTAX + "a string is expected")),
        (b'"a" "b"\r\n', Faulty(SYNTAX + "a string is expected")),
    ],
)
def test_answers_to_a_challenge(octets: bytes, event: Event) -> None:
    engine = ManageSieveEngine()
    engine.receive(b'AUTHENTICATE "SCRAM-SHA-256"\r\n' + octets + b"NOOP\r\n")
    command = Authenticate("SCRAM-SHA-256")
    assert engine.next_event() == Received(command)
    engine.expect_answer()
    assert engine.next_event() == event
    engine.answered(command, ok=False)
    assert engine.next_event() == Received(Noop())


@pytest.mark.parametrize("given", [b'"="', b'""'])
def test_an_empty_initial_response_is_not_none(given: bytes) -> None:
    found = events(ManageSieveEngine(), b'AUTHENTICATE "EXTERNAL" ' + given + b"\r\n")
    assert found == [Received(Authenticate("EXTERNAL", b""))]


def test_a_script_of_the_limit_fits_and_a_longer_one_is_skipped() -> None:
    fits = b"x" * 1000
    for start, command in ((b"PUTSCRIPT {4+}\r\nname", PutScript("name", fits)), (b"CHECKSCRIPT", CheckScript(fits))):
        assert events(logged_in(), start + b" {1000+}\r\n" + fits + b"\r\n") == [Received(command)]
        assert events(logged_in(), start + b" {1001+}\r\n" + fits + b"y\r\nNOOP\r\n") == [
            Faulty("Too large", too_large=True),
            Received(Noop()),
        ]


def test_what_is_skipped_takes_no_memory() -> None:
    engine = logged_in()
    assert events(engine, b'PUTSCRIPT "a" {1000000+}\r\n') == []
    for _ in range(100):
        assert events(engine, b"x" * 10_000) == []
        assert engine.buffered == 0
    assert events(engine, b"\r\n") == [Faulty("Too large", too_large=True)]


@pytest.mark.parametrize("size", [b"%d" % (MAX_SKIPPED + 1), b"9" * 30, b"9" * 5000])
def test_a_literal_beyond_all_bounds_is_the_end(size: bytes) -> None:
    engine = logged_in()
    assert events(engine, b'PUTSCRIPT "a" {' + size + b"+}\r\nNOOP\r\n") == [Broken("Too large")]
    assert events(engine, b"NOOP\r\n") == []
    assert engine.buffered == 0


def test_many_literals_are_bounded_together() -> None:
    engine = logged_in()
    octets = b"NOOP" + b"".join(b" {1000+}\r\n" + b"x" * 1000 for _ in range(12)) + b"\r\n"
    assert events(engine, octets) == [Faulty("Too large")]
    engine = ManageSieveEngine()
    over = MAX_LITERALS_BEFORE_LOGIN + 1
    octets = b'AUTHENTICATE "X" {%d+}\r\n' % over + b"x" * over + b"\r\n"
    assert events(engine, octets) == [Faulty("Too large")]


def test_a_line_without_end_is_the_end() -> None:
    assert events(logged_in(), b'NOOP "' + b"x" * MAX_LINE) == [Broken("Line too long")]
    many = b"NOOP " + b"{0+}\r\n " * MAX_LINE
    assert events(logged_in(), many) == [Broken("Line too long")]


def test_a_handshake_forgets_what_waits() -> None:
    engine = ManageSieveEngine()
    assert events(engine, b"NOOP {100+}\r\nabc") == []
    engine.forget()
    assert events(engine, b"NOOP\r\n") == [Received(Noop())]


def test_responses() -> None:
    assert responses.ok() == b"OK\r\n"
    assert responses.ok("Done", responses.tag(b'a"b')) == b'OK (TAG "a\\"b") "Done"\r\n'
    assert responses.no("line 2: error\nline 3: error") == b"NO {27}\r\nline 2: error\nline 3: error\r\n"
    assert responses.no("Quota", responses.MAXSIZE) == b'NO (QUOTA/MAXSIZE) "Quota"\r\n'
    assert responses.ok("unused", responses.WARNINGS) == b'OK (WARNINGS) "unused"\r\n'
    assert responses.ok(code=responses.sasl(b"cnNwYXV0aA==")) == b'OK (SASL "cnNwYXV0aA==")\r\n'
    assert responses.bye("Moved", responses.referral("sieve://b.example")) == (
        b'BYE (REFERRAL "sieve://b.example") "Moved"\r\n'
    )
    assert responses.challenge(b"") == b'""\r\n'
    assert responses.script(b"keep;\r\n") == b"{7}\r\nkeep;\r\n\r\n"
    assert responses.listing([("a", False), ("b\\", True)]) == b'"a"\r\n"b\\\\" ACTIVE\r\n'
    with pytest.raises(ValueError, match="is not a sieve URL"):
        responses.referral('sieve://b") OK (X "')


def test_capabilities_of_a_channel_and_of_a_user() -> None:
    before = Capabilities("Compostela", ["fileinto", "vacation"], starttls=True)
    assert bytes(before) == (
        b'"IMPLEMENTATION" "Compostela"\r\n"SIEVE" "fileinto vacation"\r\n"SASL" ""\r\n"STARTTLS"\r\n"UNAUTHENTICATE"\r\n'
        b'"VERSION" "1.0"\r\n'
    )
    after = Capabilities("C", [], ["PLAIN"], owner="bob@example.org", max_redirects=5, notify=["mailto"])
    assert bytes(after) == (
        b'"IMPLEMENTATION" "C"\r\n"SIEVE" ""\r\n"SASL" "PLAIN"\r\n"NOTIFY" "mailto"\r\n"MAXREDIRECTS" "5"\r\n'
        b'"OWNER" "bob@example.org"\r\n"UNAUTHENTICATE"\r\n"VERSION" "1.0"\r\n'
    )


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=40))
def test_strings_come_back(octets: bytes) -> None:
    written = responses.string(octets)
    if written.startswith(b"{"):
        found = events(logged_in(), b"NOOP " + written + b"\r\n")
        assert found == [Received(Noop(octets))]
    else:
        assert tokenise(written) == [String(octets)]


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_any_split_gives_the_same_events(data: st.DataObject) -> None:
    words = st.sampled_from(
        [b"NOOP", b"PUTSCRIPT", b"GETSCRIPT", b"LOGOUT", b"UNAUTHENTICATE", b" ", b'"a"', b'"', b"{3+}", b"{0}", b"{2000+}", b"\r\n",
         b"\n", b"\r", b"abc", b"1", b"\\", b"\xff", b"\x00", LOGIN, b"x" * (MAX_LINE - 3)]
    )  # fmt: skip
    octets = b"".join(data.draw(st.lists(words, max_size=14)))
    size = data.draw(st.integers(1, 9)) if len(octets) < 3000 else data.draw(st.integers(1000, 5000))
    whole = events(ManageSieveEngine(1000), octets)
    engine = ManageSieveEngine(1000)
    pieces = [event for at in range(0, len(octets), size) for event in events(engine, octets[at : at + size])]
    assert pieces == whole
