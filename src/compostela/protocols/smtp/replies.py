"""Replies of the SMTP server: code, enhanced code (RFC 3463), text."""

import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_TEXT = 480
"""Octets of text after the codes."""
_UNPRINTABLE = re.compile(rb"[^!-~]")


class Reply(NamedTuple):
    """What the server answers. The codes decide what becomes of the session; the octets are only written, and shown in the log."""

    code: int
    enhanced: str
    octets: bytes

    @property
    def is_refusal(self) -> bool:
        """4xx and 5xx."""
        return self.code >= 400


def reply(code: int, enhanced: str, text: str) -> Reply:
    """One line; `enhanced` may be empty."""
    line = f"{code} {enhanced} {text}\r\n" if enhanced else f"{code} {text}\r\n"
    return Reply(code, enhanced, line.encode())


def together(answers: Iterable[Reply]) -> Reply:
    """Replies that are given at once, with the codes of the first (LMTP's after a message). There is at least one."""
    several = tuple(answers)
    return several[0]._replace(octets=b"".join([one.octets for one in several]))


def one_line(text: str) -> str:
    """A text from elsewhere (a hook, a TXT record) as a reply may hold it: no line of it is a reply of its own, and none is longer
    than clients must take (RFC 5321 §4.5.3.1.5)."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split()).encode()[:MAX_TEXT].decode("utf-8", "ignore")


def multiline(code: int, lines: list[str]) -> Reply:
    """Several lines (RFC 5321 §4.2.1)."""
    last = len(lines) - 1
    octets = b"".join(f"{code}{' ' if n == last else '-'}{line}\r\n".encode() for n, line in enumerate(lines))
    return Reply(code, "", octets)


HELO_FIRST = reply(503, "5.5.0", "Need HELO or EHLO before MAIL")
SENDER_SPECIFIED = reply(503, "5.5.0", "Sender already specified")
MAIL_USAGE = reply(501, "5.5.4", "Usage: MAIL FROM:<sender>")
MAIL_SYNTAX = reply(501, "5.1.7", "Syntax error in MAIL command")
SENDER_SYNTAX = reply(501, "5.1.7", "Syntax error in sender address")
SIZE_SYNTAX = reply(501, "5.5.4", "Syntactically incorrect value for SIZE parameter")
BODY_SYNTAX = reply(501, "5.5.4", "Syntactically incorrect value for BODY parameter")
SIZE_TOO_LARGE = reply(552, "5.3.4", "Message size exceeds fixed maximum message size")
PARAMETER_SYNTAX = reply(501, "5.5.4", "Syntax error in parameters, or one that is given twice")
AUTH_SYNTAX = reply(501, "5.5.4", "Syntactically incorrect value for AUTH parameter")
SENDER_NEEDS_UTF8 = reply(550, "5.6.7", "An internationalised address needs SMTPUTF8")
RECIPIENT_NEEDS_UTF8 = reply(553, "5.6.7", "An internationalised address needs SMTPUTF8")
TOO_MANY_MAILS = reply(452, "4.5.3", "Too many mails on one connection")
MAIL_FIRST = reply(503, "5.5.0", "Need MAIL before RCPT")
RCPT_USAGE = reply(501, "5.5.2", "Usage: RCPT TO:<recipient>")
RCPT_SYNTAX = reply(501, "5.5.2", "Syntax error in parameters or arguments")
RECIPIENT_SYNTAX = reply(553, "5.1.3", "Syntax error in recipient address")
TOO_MANY_RECIPIENTS = reply(452, "4.5.3", "Too many recipients")
DATA_ARGUMENT = reply(500, "5.5.4", "Unexpected argument provided with DATA command")
NO_SENDER = reply(503, "5.5.0", "No sender specified")
NO_RECIPIENTS = reply(503, "5.5.0", "No recipients specified")
START_DATA = reply(354, "", "Ok Send data ending with <CRLF>.<CRLF>")
MESSAGE_RECEIVED = reply(250, "2.6.0", "Message received")
MESSAGE_TOO_LARGE = reply(552, "5.3.4", "Quota exceeded")
HEADER_TOO_LARGE = reply(552, "5.3.4", "Header too large")
NUL_IN_TEXT = reply(554, "5.6.0", "The message holds NUL octets")
NOT_TEXT = reply(554, "5.6.0", "A CR or LF alone and NUL octets need BODY=BINARYMIME")
BINARY_NEEDS_CHUNKS = reply(503, "5.5.1", "BODY=BINARYMIME goes with BDAT only")
CHUNKS_BEGUN = reply(503, "5.5.1", "The message is under way with BDAT")
BDAT_USAGE = reply(501, "5.5.4", "Usage: BDAT size [LAST]")
CHUNK_TOO_LARGE = reply(552, "5.3.4", "Message size exceeds fixed maximum message size")
BARE_LINE_END = reply(500, "5.0.0", "line delimiter must be CRLF")
NOT_ENQUEUED = reply(451, "4.0.0", "Error processing message.")
STORAGE_FULL = reply(452, "4.3.1", "Insufficient system storage")
ALREADY_AUTHENTICATED = reply(
    503, "5.5.0", "User has previously authenticated. Further authentication is not required!"
)
AUTH_USAGE = reply(501, "5.5.4", "Usage: AUTH (authentication type) <challenge>")
AUTH_UNKNOWN = reply(504, "5.5.4", "Unrecognized Authentication Type")
AUTH_NEEDS_TLS = reply(538, "5.7.11", "Encryption required for requested authentication mechanism")
AUTH_OK = reply(235, "2.7.0", "Authentication Successful")
AUTH_FAILED = reply(535, "5.7.8", "Authentication Failed")
AUTH_ABORTED = reply(501, "5.7.1", "Authentication aborted")
AUTH_LINE_TOO_LONG = reply(500, "5.5.6", "Authentication Exchange line is too long")
AUTH_IN_MAIL = reply(503, "5.5.1", "AUTH is not permitted during a mail transaction")
STARTTLS_READY = reply(220, "2.0.0", "Ready to start TLS")
STARTTLS_ARGUMENT = reply(501, "5.5.4", "Syntax error (no parameters allowed)")
STARTTLS_ACTIVE = reply(500, "5.5.1", "TLS already active RFC2487 5.2")
STARTTLS_UNKNOWN = reply(500, "5.5.1", "Command STARTTLS unrecognized.")
STARTTLS_LATE = reply(501, "5.5.4", "STARTTLS is not allowed: already authenticated")
OK = reply(250, "2.0.0", "OK")
RSET_ARGUMENT = reply(500, "5.5.4", "Unexpected argument provided with RSET command")
QUIT_ARGUMENT = reply(500, "5.5.4", "Unexpected argument provided with QUIT command")
HELP = reply(214, "2.0.0", "See RFC 5321 and the documentation of this server")
VRFY = reply(252, "2.5.2", "Cannot VRFY user, but will accept message and attempt delivery")
EXPN = reply(502, "5.3.3", "EXPN is not supported")
LINE_TOO_LONG = reply(500, "5.5.2", "Line length exceeded. See RFC 2821 #4.5.3.1.")
UNABLE = reply(451, "4.3.0", "Unable to process request")
TIMED_OUT = reply(421, "4.4.2", "Connection timed out, closing transmission channel")
SHUTTING_DOWN = reply(421, "4.3.2", "Service closing transmission channel")
LIVED_TOO_LONG = reply(421, "4.4.2", "Connection has lasted too long, closing transmission channel")
DISCONNECTED = reply(421, "4.3.2", "An administrator ends the connection, closing transmission channel")
TOO_MANY_CONNECTIONS = reply(421, "4.7.0", "Too many connections, closing transmission channel")
TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors, closing transmission channel")


def shown(verb: bytes) -> str:
    """A verb of the client's as a reply may show it: printable ASCII (RFC 5321 §4.2)."""
    return _UNPRINTABLE.sub(b"?", verb[:64]).decode("ascii")


def unrecognized(verb: bytes) -> Reply:
    return reply(500, "5.5.1", f"Command {shown(verb)} unrecognized.")


def undecodable(mechanism: str) -> Reply:
    return reply(501, "5.5.2", f"Could not decode parameters for AUTH {mechanism}")


def chunk_received(size: int) -> Reply:
    return reply(250, "2.0.0", f"{size} octets received")


def unknown_parameter(name: str) -> Reply:
    return reply(555, "5.5.4", f"Unrecognized or unsupported option: {name[:64]}")
