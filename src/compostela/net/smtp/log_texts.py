"""Commands and replies as the log tells them, without anything that may be a secret."""

from compostela.protocols.smtp.engine import BadLineEnd, Command, Event, Line, LineTooLong
from compostela.protocols.smtp.replies import Reply

_WITH_ARGUMENT = frozenset({b"MAIL", b"RCPT", b"EHLO", b"HELO", b"LHLO", b"BDAT", b"VRFY", b"EXPN"})
_WITHOUT_ARGUMENT = frozenset({b"DATA", b"RSET", b"NOOP", b"QUIT", b"STARTTLS", b"HELP", b"AUTH"})
"""Commands that need none. What follows AUTH is or may be a secret."""


def event_text(event: Event) -> str:
    """Empty for what is no command. An unknown command is not shown: a client whose AUTH was refused may go on with its
    credentials."""
    match event:
        case Command(verb, argument) if verb in _WITH_ARGUMENT:
            return b" ".join(filter(None, (verb, argument))).decode("utf-8", "replace")
        case Command(verb) if verb in _WITHOUT_ARGUMENT:
            return verb.decode()
        case Command(verb, argument):
            return f"(unknown, {len(verb) + len(argument)} octets)"
        case Line():
            return "(an answer to AUTH)"
        case LineTooLong():
            return "(a line that is too long)"
        case BadLineEnd():
            return "(a line without CRLF)"
        case _:
            return ""


def reply_text(reply: Reply) -> str:
    """All lines of a reply in one; a challenge of AUTH without its text."""
    if reply.code == 334:
        return "334"
    return reply.octets.decode("utf-8", "replace").rstrip().replace("\r\n", " / ")


def answer_text(event: Event, answer: Reply) -> str:
    """As `reply_text`; the reply to an unknown command without its text, which repeats the command."""
    is_known = not isinstance(event, Command) or event.verb in _WITH_ARGUMENT or event.verb in _WITHOUT_ARGUMENT
    return reply_text(answer) if is_known else f"{answer.code} {answer.enhanced}"
