"""The SMTP client's engine, without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.base.errors import InvalidArgument
from compostela.protocols.smtp import client_commands
from compostela.protocols.smtp.capabilities import NOTHING_OFFERED, Capabilities
from compostela.protocols.smtp.client import (
    GREETING,
    MAX_LINE_BYTES,
    MAX_REPLY_LINES,
    MESSAGE,
    PeerError,
    Phase,
    SmtpClientEngine,
)
from compostela.testing.mails import address
from tests.fuzz.engines import smtp_client_answers
from tests.fuzz.strategies import cut

ALICE, BOB = address("alice@example.com"), address("bob@example.org")
OFFER = b"250-mx.example.org greets\r\n250-PIPELINING\r\n250-size 1000\r\n250-AUTH PLAIN login\r\n250 8BITMIME\r\n"


def told(engine: SmtpClientEngine, octets: bytes) -> list[tuple[str, int, tuple[str, ...]]]:
    """The answers that come of the octets."""
    engine.receive(octets)
    return answers(engine)


def answers(engine: SmtpClientEngine) -> list[tuple[str, int, tuple[str, ...]]]:
    found = []
    while (answer := engine.next_answer()) is not None:
        found.append((answer.to, answer.reply.code, answer.reply.lines))
    return found


def greeted(offer: bytes = OFFER) -> SmtpClientEngine:
    """After EHLO."""
    engine = SmtpClientEngine()
    told(engine, b"220 mx.example.org\r\n")
    engine.say("EHLO me.example")
    assert engine.to_send() == b"EHLO me.example\r\n"
    told(engine, offer)
    return engine


def in_message() -> SmtpClientEngine:
    engine = greeted()
    engine.say("DATA")
    engine.to_send()
    told(engine, b"354 go on\r\n")
    return engine


def test_nothing_goes_out_before_the_greeting() -> None:
    engine = SmtpClientEngine()
    engine.say("EHLO me.example")
    assert (engine.to_send(), engine.awaited) == (b"", GREETING)
    assert told(engine, b"220-mx.example.org\r\n220 ready\r\n") == [(GREETING, 220, ("mx.example.org", "ready"))]
    assert (engine.to_send(), engine.awaited) == (b"EHLO me.example\r\n", "EHLO")


def test_the_offer() -> None:
    offered = greeted().capabilities
    assert "PIPELINING" in offered
    assert "DSN" not in offered
    assert (offered.size_limit, offered.mechanisms) == (1000, {"PLAIN", "LOGIN"})


@pytest.mark.parametrize("after", [b"HELO me.example", b"EHLO me.example"])
def test_an_offer_holds_until_the_next_greeting(after: bytes) -> None:
    engine = greeted()
    engine.say(after)
    engine.to_send()
    told(engine, b"250 mx.example.org\r\n")
    assert "PIPELINING" not in engine.capabilities


def test_a_group_goes_out_at_once_where_the_server_takes_it() -> None:
    engine = greeted()
    for line in ("MAIL FROM:<>", "RCPT TO:<bob@example.org>", "DATA", "QUIT"):
        engine.say(line)
    # DATA ends a group (RFC 2920 §3.1)
    assert engine.to_send() == b"MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
    assert engine.to_send() == b""
    replies = told(engine, b"250 ok\r\n550 5.1.1 no\r\n503 no recipient\r\n")
    assert [(to, code) for to, code, _ in replies] == [("MAIL", 250), ("RCPT", 550), ("DATA", 503)]
    assert engine.to_send() == b"QUIT\r\n"


def test_one_command_at_a_time_where_the_server_takes_no_group() -> None:
    engine = greeted(b"250 mx.example.org\r\n")
    engine.say("MAIL FROM:<>")
    engine.say("RCPT TO:<bob@example.org>")
    assert engine.to_send() == b"MAIL FROM:<>\r\n"
    assert engine.to_send() == b""
    assert told(engine, b"451 later\r\n") == [("MAIL", 451, ("later",))]
    assert engine.withdraw() == 1
    assert engine.to_send() == b""


def test_what_comes_unasked_answers_the_next_command() -> None:
    engine = greeted()
    assert told(engine, b"421 4.4.2 bye\r\n") == []
    engine.say("MAIL FROM:<>")
    engine.to_send()
    answer = engine.next_answer()
    assert answer is not None
    assert (answer.to, answer.reply.is_closing, answer.reply.enhanced) == ("MAIL", True, "4.4.2")


def test_a_line_is_one_command() -> None:
    engine = greeted()
    for line in ("RCPT TO:<a@b>\r\nDATA", "NOOP\n", "NOOP\r"):
        with pytest.raises(InvalidArgument):
            engine.say(line)
    assert engine.to_send() == b""


def test_a_chunk_follows_its_command() -> None:
    engine = greeted()
    engine.say("BDAT 3", b"\n.\n")
    assert engine.to_send() == b"BDAT 3\r\n\n.\n"
    assert told(engine, b"250 got it\r\n") == [("BDAT", 250, ("got it",))]


@given(st.lists(st.sampled_from([b".", b"\r\n", b"x", b"..", b"\r\n.", b""])), st.data())
def test_a_message_is_stuffed_however_it_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    message = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message)))))
    whole, cut = in_message(), in_message()
    expected = whole.message_lines(message) + whole.end_of_message()
    found = b"".join(
        cut.message_lines(message[start:end]) for start, end in zip([0, *cuts], [*cuts, len(message)], strict=True)
    )
    assert found + cut.end_of_message() == expected
    assert expected.endswith(b"\r\n.\r\n") or expected == b".\r\n"
    assert b"\r\n.\r\n" not in expected[:-1].removesuffix(b"\r\n.\r")
    assert told(cut, b"250 2.0.0 taken\r\n") == [(MESSAGE, 250, ("2.0.0 taken",))]


def test_commands_wait_for_the_end_of_the_message() -> None:
    engine = in_message()
    engine.say("QUIT")
    assert (engine.phase, engine.to_send()) == (Phase.MESSAGE, b"")
    # the end of the line DATA is the line end before it (RFC 5321 §4.1.1.4)
    assert engine.end_of_message() == b".\r\n"
    assert engine.to_send() == b""
    told(engine, b"250 taken\r\n")
    assert engine.to_send() == b"QUIT\r\n"
    with pytest.raises(RuntimeError):
        engine.message_lines(b"more")


def test_what_the_server_offers_is_forgotten_under_tls() -> None:
    engine = greeted()
    engine.say("STARTTLS")
    engine.say("EHLO me.example")
    assert engine.to_send() == b"STARTTLS\r\n"
    assert told(engine, b"220 go ahead\r\n") == [("STARTTLS", 220, ("go ahead",))]
    assert (engine.phase, engine.to_send()) == (Phase.HANDSHAKE, b"")
    engine.begin_tls()
    assert "PIPELINING" not in engine.capabilities
    assert engine.to_send() == b"EHLO me.example\r\n"


@pytest.mark.parametrize("pieces", [[b"220 go ahead\r\n250 me\r\n"], [b"220 go ahead\r\n", b"2"]])
def test_octets_in_the_clear_do_not_pass_for_replies_under_tls(pieces: list[bytes]) -> None:
    engine = greeted()
    engine.say("STARTTLS")
    engine.to_send()
    for piece in pieces:
        told(engine, piece)
    with pytest.raises(PeerError, match="in the clear"):
        engine.begin_tls()


def test_a_refused_upgrade_changes_nothing() -> None:
    engine = greeted()
    engine.say("STARTTLS")
    engine.to_send()
    told(engine, b"454 not now\r\n")
    assert engine.phase is Phase.COMMANDS
    assert "PIPELINING" in engine.capabilities


def test_a_long_response_of_auth_waits_for_the_challenge() -> None:
    engine = greeted()
    engine.authenticate("PLAIN", b"x" * 499)
    assert engine.to_send() == b"AUTH PLAIN " + b"x" * 499 + b"\r\n"
    assert told(engine, b"535 no\r\n") == [("AUTH", 535, ("no",))]
    engine.authenticate("PLAIN", b"x" * 500)
    assert engine.to_send() == b"AUTH PLAIN\r\n"
    assert told(engine, b"334 \r\n") == []
    assert engine.to_send() == b"x" * 500 + b"\r\n"
    assert told(engine, b"235 welcome\r\n") == [("AUTH", 235, ("welcome",))]
    engine.authenticate("PLAIN", b"x" * 500)
    engine.to_send()
    assert told(engine, b"504 unknown\r\n") == [("AUTH", 504, ("unknown",))]
    assert engine.to_send() == b""


def test_a_challenge_after_an_initial_response_is_an_answer() -> None:
    engine = greeted()
    engine.authenticate("PLAIN", b"eA==")
    engine.to_send()
    assert told(engine, b"334 more\r\n") == [("AUTH", 334, ("more",))]


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"220 " + b"x" * (MAX_LINE_BYTES - 3), "line is too long"),
        (b"220 " + b"x" * (MAX_LINE_BYTES - 3) + b"\n", "line is too long"),
        (b"220-x\r\n" * MAX_REPLY_LINES, "too many lines"),
        (b"hello\r\n", "not SMTP"),
        (b"\r\n", "not SMTP"),
        (b"22\r\n", "not SMTP"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_what_is_no_reply_breaks_the_connection(octets: bytes, text: str, step: int) -> None:
    engine = SmtpClientEngine()

    def feed() -> None:
        for start in range(0, len(octets), step):
            told(engine, octets[start : start + step])

    with pytest.raises(PeerError, match=text):
        feed()
    engine.receive(b"220 late\r\n")
    with pytest.raises(PeerError, match=text):
        engine.next_answer()
    assert engine.buffered == 0


def test_replies_at_the_limits() -> None:
    engine = SmtpClientEngine()
    longest = b"220 " + b"x" * (MAX_LINE_BYTES - 5)
    octets = b"220-x\r\n" * (MAX_REPLY_LINES - 1) + longest + b"\r\n"
    ((_, code, lines),) = told(engine, octets)
    assert (code, len(lines), len(lines[-1])) == (220, MAX_REPLY_LINES, MAX_LINE_BYTES - 5)


DIALOGUE = (
    b"220 ready\r\n"
    + OFFER
    + b"334 \r\n235 in\r\n250 ok\n250-2.1.5 first\r\n250 2.1.5 second\r\n550\r\n354 go on\r\n250 2.0.0 taken \xff\r\n221 bye\r\n"
)


@given(st.integers(0, len(DIALOGUE)), st.data())
def test_any_split_gives_the_same_answers(size: int, data: st.DataObject) -> None:
    octets = DIALOGUE[:size]  # the connection may be lost anywhere
    assert smtp_client_answers(data.draw(cut(octets))) == smtp_client_answers([octets])


def test_the_whole_dialogue() -> None:
    steps = [one[:2] for one in smtp_client_answers(DIALOGUE[at : at + 1] for at in range(len(DIALOGUE)))]
    assert steps == [
        (GREETING, 220), ("EHLO", 250), ("AUTH", 235), ("MAIL", 250), ("RCPT", 250), ("RCPT", 550), ("DATA", 354), (MESSAGE, 250), ("QUIT", 221),
    ]  # fmt: skip


@pytest.mark.parametrize("size", range(len(DIALOGUE)))
def test_a_lost_connection_is_told_wherever_it_is_lost(size: int) -> None:
    *_, last = smtp_client_answers([DIALOGUE[:size]])
    assert last == "the connection was closed"


@given(st.lists(st.binary(max_size=50)), st.booleans())
def test_no_octets_raise_anything_but_the_peers_error(pieces: list[bytes], ends: bool) -> None:
    engine = SmtpClientEngine()
    engine.say("EHLO me.example")
    try:
        for piece in pieces:
            told(engine, piece)
            engine.to_send()
        if ends:
            engine.end()
            answers(engine)
    except PeerError:
        return
    assert not ends or engine.awaited is None


def test_parameters_only_where_they_are_offered() -> None:
    def line(offered: Capabilities) -> str:
        return client_commands.mail(
            ALICE, offered, size=10, body="8BITMIME", smtputf8=True, priority=3, returns="HDRS", envelope_id="e+41"
        )

    assert line(NOTHING_OFFERED) == "MAIL FROM:<alice@example.com> BODY=8BITMIME SMTPUTF8"
    every = Capabilities.parse(["SIZE", "mt-priority", "DSN"])
    assert (
        line(every) == "MAIL FROM:<alice@example.com> BODY=8BITMIME SIZE=10 SMTPUTF8 MT-PRIORITY=3 RET=HDRS ENVID=e+41"
    )
    assert (
        client_commands.rcpt(BOB, NOTHING_OFFERED, notify="NEVER", original="rfc822;x") == "RCPT TO:<bob@example.org>"
    )
    assert (
        client_commands.rcpt(BOB, every, notify="NEVER", original="rfc822;x y")
        == "RCPT TO:<bob@example.org> NOTIFY=NEVER"
    )


def test_limits() -> None:
    offered = Capabilities.parse(["LIMITS RCPTMAX=20 MAILMAX=0 RCPTDOMAINMAX"])
    assert [offered.limit(name) for name in ("RCPTMAX", "MAILMAX", "RCPTDOMAINMAX", "OTHER")] == [20, None, None, None]
    assert [Capabilities.parse([one]).size_limit for one in ("SIZE", "SIZE 0", "SIZE 7", "SIZE much")] == [
        None, None, 7, None,
    ]  # fmt: skip
