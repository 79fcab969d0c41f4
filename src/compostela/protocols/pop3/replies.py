"""Replies of the POP3 server: `+OK` or `-ERR`, a response code (RFC 2449 §8), text."""

from typing import NamedTuple

AUTH = "AUTH"
"""The credentials are wrong (RFC 3206 §5)."""
SYS_TEMP = "SYS/TEMP"
"""The server cannot do it now; the credentials may be right (RFC 3206 §4)."""
LOGIN_DELAY = "LOGIN-DELAY"
"""The last login was too short a time ago (RFC 2449 §8.1.1)."""


class Reply(NamedTuple):
    """What the server answers. `is_ok` decides what becomes of the session; the octets are only written, and shown in the log."""

    is_ok: bool
    octets: bytes


def ok(text: str) -> Reply:
    """`+OK text`."""
    return Reply(True, f"+OK {text}\r\n".encode())


def error(text: str, code: str = "") -> Reply:
    """`-ERR [code] text`, without a code if it is empty."""
    return Reply(False, (f"-ERR [{code}] {text}\r\n" if code else f"-ERR {text}\r\n").encode())


def multiline(text: str, lines: list[str]) -> Reply:
    """`+OK text`, lines none of which begins with a dot, and the line that ends them (RFC 1939 §3)."""
    return Reply(True, b"".join([ok(text).octets, *(f"{line}\r\n".encode() for line in lines), END]))


def challenge(base64: bytes) -> bytes:
    """RFC 5034 §4."""
    return b"+ %b\r\n" % base64


END = b".\r\n"
LINE_TOO_LONG = error("Line too long.")
TOO_MANY_FAULTS = error("Too many errors.")
TOO_MANY_CONNECTIONS = error("Too many connections, try again later.", SYS_TEMP)
BANNED = error("Your address is banned.")
UNABLE = error("Unable to process request.", SYS_TEMP)
BEGIN_TLS = ok("Begin TLS negotiation")
NO_TLS = error("TLS is not available.")
TLS_ACTIVE = error("TLS is active already.")
TLS_NEEDED = error("Authentication requires TLS.")
STLS_NOT_LAST = error("STLS must be the last command before the handshake.")
USER_OK = ok("Name accepted, send PASS.")
LOGIN_FAILED = error("Authentication failed.", AUTH)
MAILDROP_FAILED = error("Unexpected error accessing mailbox", SYS_TEMP)
TOO_EARLY = error("Too little time since the last login.", LOGIN_DELAY)
AUTH_INVALID = error("Invalid AUTH request.")
AUTH_UNKNOWN = error("Unsupported authentication mechanism.")
AUTH_ABORTED = error("Authentication aborted.")
UTF8_ON = ok("UTF-8 mode is on.")
NOOP = ok("Nothing done.")
DELETED = ok("Message deleted")
MESSAGE_FOLLOWS = ok("Message follows")
GOODBYE = ok("Compostela POP3 server signing off.")
NOT_ALL_REMOVED = error("Some deleted messages were not removed", SYS_TEMP)


def no_such_message(number: int) -> Reply:
    """A number outside the maildrop."""
    return error(f"Message ({number}) does not exist.")


def already_deleted(number: int) -> Reply:
    """The session has marked it."""
    return error(f"Message ({number}) already deleted.")


def gone(number: int) -> Reply:
    """Another session has removed the message since the login."""
    return error(f"Message ({number}) was removed by another session.")
