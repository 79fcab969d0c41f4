"""The engines driven as their hosts drive them, with the events in a form that does not depend on how the input was cut."""

from collections.abc import Iterable

from compostela.protocols.imap import engine as imap
from compostela.protocols.managesieve import commands as sieve_commands
from compostela.protocols.managesieve import engine as sieve
from compostela.protocols.pop3 import commands as pop3_commands
from compostela.protocols.pop3 import engine as pop3
from compostela.protocols.smtp import client as smtp_client
from compostela.protocols.smtp import engine as smtp

MAX_LINE = 512
MAX_CHUNK = 700


def smtp_events(pieces: Iterable[bytes]) -> list[smtp.Event]:
    """A host that takes DATA and BDAT and asks for a line at AUTH. Data that was refused with its bad line end does not count."""
    engine = smtp.SmtpEngine(MAX_LINE)
    found: list[smtp.Event] = []
    for piece in pieces:
        engine.receive(piece)
        while (event := engine.next_event()) is not None:
            match event:
                case smtp.Command(b"DATA"):
                    engine.start_data()
                case smtp.Command(b"BDAT", argument) if argument.isdigit():
                    engine.start_chunk(min(int(argument[:4]), MAX_CHUNK))
                case smtp.Command(b"AUTH"):
                    engine.expect_line()
                case smtp.Data(octets) if found and isinstance(found[-1], smtp.Data):
                    found[-1] = smtp.Data(found[-1].octets + octets)
                    continue
                case smtp.BadLineEnd() if found and isinstance(found[-1], smtp.Data):
                    found.pop()
            found.append(event)
        assert engine.buffered <= MAX_LINE + len(piece)
    return _without_open_data(found)


def _without_open_data(found: list[smtp.Event]) -> list[smtp.Event]:
    """Data whose end has not come may be held back by some octets."""
    return found[:-1] if found and isinstance(found[-1], smtp.Data) else found


def smtp_client_answers(pieces: Iterable[bytes]) -> list[tuple[str, int, tuple[str, ...]] | str]:
    """A client that logs in and sends one mail, until the connection is lost at the end. The failure comes last."""
    engine = smtp_client.SmtpClientEngine()
    engine.say("EHLO me.example")
    found: list[tuple[str, int, tuple[str, ...]] | str] = []
    try:
        for piece in pieces:
            engine.receive(piece)
            found += _answers(engine)
            # a host does not read while no answer is due
            assert engine.awaited is None or engine.buffered <= smtp_client.MAX_LINE_BYTES
        engine.end()
        found += _answers(engine)
    except smtp_client.PeerError as error:
        found.append(str(error))
    return found


def _answers(engine: smtp_client.SmtpClientEngine) -> Iterable[tuple[str, int, tuple[str, ...]]]:
    while True:
        engine.to_send()
        answer = engine.next_answer()
        if answer is None:
            return
        yield answer.to, answer.reply.code, answer.reply.lines
        match answer.to:
            case "EHLO":
                engine.authenticate("PLAIN", b"x" * smtp_client.MAX_AUTH_COMMAND)
                for line in ("MAIL FROM:<>", "RCPT TO:<a@b>", "RCPT TO:<c@d>", "DATA"):
                    engine.say(line)
            case "DATA" if engine.phase is smtp_client.Phase.MESSAGE:
                engine.message_lines(b"x\r\n")
                engine.end_of_message()
                engine.say("QUIT")


def imap_events(pieces: Iterable[bytes]) -> list[imap.Event]:
    """A host that lets LOGIN succeed and takes every message."""
    engine = imap.ImapEngine(MAX_LINE)
    found: list[imap.Event] = []
    for piece in pieces:
        engine.receive(piece)
        while (event := engine.next_event()) is not None:
            match event:
                case imap.Received(_, "LOGIN", _):
                    engine.logged_in()
                case imap.Received(_, "AUTHENTICATE", _):
                    engine.expect_line()
                case imap.AppendData(octets) if found and isinstance(found[-1], imap.AppendData):
                    found[-1] = imap.AppendData(found[-1].octets + octets)
                    continue
            found.append(event)
        assert engine.buffered <= MAX_LINE + len(piece)
    return found


def pop3_events(pieces: Iterable[bytes]) -> list[pop3.Event]:
    """A host that lets every password be right and every AUTH fail after one challenge."""
    engine = pop3.Pop3Engine()
    found: list[pop3.Event] = []
    exchange: pop3_commands.Auth | None = None
    for piece in pieces:
        engine.receive(piece)
        while (event := engine.next_event()) is not None:
            found.append(event)
            match event:
                case pop3.Received(pop3_commands.Auth() as exchange):
                    engine.expect_line()
                case pop3.Received(command):
                    engine.answered(command, ok=True)
                case pop3.Line():
                    assert exchange is not None
                    engine.answered(exchange, ok=False)
        assert engine.buffered <= pop3.MAX_AUTH_LINE + len(piece)
    return found


def managesieve_events(pieces: Iterable[bytes]) -> list[sieve.Event]:
    """A host that lets every command succeed, AUTHENTICATE after one challenge."""
    engine = sieve.ManageSieveEngine(MAX_CHUNK)
    found: list[sieve.Event] = []
    exchange: sieve_commands.Authenticate | None = None
    for piece in pieces:
        engine.receive(piece)
        while (event := engine.next_event()) is not None:
            found.append(event)
            match event:
                case sieve.Received(sieve_commands.Authenticate(_, None) as exchange):
                    engine.expect_answer()
                case sieve.Received(command):
                    engine.answered(command, ok=True)
                case sieve.Answer(octets) if exchange is not None:
                    engine.answered(exchange, ok=octets is not None)
        assert engine.buffered <= sieve.MAX_LINE + len(piece)
    return found
