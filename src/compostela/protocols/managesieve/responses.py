"""Responses of the ManageSieve server (RFC 5804 §1.2, §1.3 and §4)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from compostela.protocols.managesieve.lexer import MAX_QUOTED

AUTH_TOO_WEAK = b"AUTH-TOO-WEAK"
"""The mechanism is not allowed for this user."""
ENCRYPT_NEEDED = b"ENCRYPT-NEEDED"
"""The mechanism needs TLS."""
TRANSITION_NEEDED = b"TRANSITION-NEEDED"
"""The user must log in with PLAIN once before the mechanism works."""
QUOTA = b"QUOTA"
MAXSCRIPTS = b"QUOTA/MAXSCRIPTS"
MAXSIZE = b"QUOTA/MAXSIZE"
TRYLATER = b"TRYLATER"
ACTIVE = b"ACTIVE"
NONEXISTENT = b"NONEXISTENT"
ALREADYEXISTS = b"ALREADYEXISTS"
WARNINGS = b"WARNINGS"
_SPECIALS = re.compile(rb'(["\\])')
_NOT_QUOTED = re.compile(rb"[\x00\r\n]")


def string(octets: bytes) -> bytes:
    """In quotes, or as a literal if it cannot be."""
    if len(octets) > MAX_QUOTED or _NOT_QUOTED.search(octets) is not None:
        return literal(octets)
    return b'"%b"' % _SPECIALS.sub(rb"\\\1", octets)


def literal(octets: bytes) -> bytes:
    """A literal of the server's form."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def ok(text: str = "", code: bytes = b"") -> bytes:
    """OK, with a response code and a text for people."""
    return _response(b"OK", text, code)


def no(text: str = "", code: bytes = b"") -> bytes:
    """NO: the command failed."""
    return _response(b"NO", text, code)


def bye(text: str = "", code: bytes = b"") -> bytes:
    """BYE: the server closes the connection."""
    return _response(b"BYE", text, code)


def _response(status: bytes, text: str, code: bytes) -> bytes:
    parts = [status]
    if code:
        parts.append(b"(%b)" % code)
    if text:
        parts.append(string(text.encode("utf-8", "replace")))
    return b" ".join(parts) + b"\r\n"


def tag(octets: bytes) -> bytes:
    """The response code of a NOOP with a tag (RFC 5804 §2.13)."""
    return b"TAG " + string(octets)


def sasl(base64: bytes) -> bytes:
    """The response code with the server's last words of an exchange (RFC 5804 §2.1)."""
    return b"SASL " + string(base64)


def referral(url: str) -> bytes:
    """The response code of a BYE that names another server by its sieve URL (RFC 5804 §1.3). Raises `ValueError`."""
    if not url.startswith("sieve://") or not url.isascii() or not url.isprintable() or set(url) & set(' ()"\\'):
        raise ValueError(f"{url!r} is not a sieve URL")
    return b"REFERRAL " + string(url.encode())


def challenge(base64: bytes) -> bytes:
    """A step of AUTHENTICATE."""
    return string(base64) + b"\r\n"


def script(octets: bytes) -> bytes:
    """What GETSCRIPT gives before its OK."""
    return literal(octets) + b"\r\n"


def listing(scripts: Iterable[tuple[str, bool]]) -> bytes:
    """What LISTSCRIPTS gives before its OK: names, and whether each is the active one."""
    return b"".join(string(name.encode()) + (b" ACTIVE\r\n" if is_active else b"\r\n") for name, is_active in scripts)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server can do, on a channel and for a user (RFC 5804 §1.7)."""

    implementation: str
    sieve: Sequence[str]
    """Sieve extensions."""
    mechanisms: Sequence[str] = ()
    """SASL mechanisms. They may be missing only if STARTTLS is offered."""
    starttls: bool = False
    """TLS can be had and is not active yet."""
    owner: str = ""
    """The user who is logged in."""
    max_redirects: int | None = None
    notify: Sequence[str] = field(default=())
    """URL schemes of the extension enotify."""
    lists: Sequence[str] = ()
    """Schemes of the names of external lists (RFC 6134 §2.7)."""

    def __bytes__(self) -> bytes:
        """The lines before OK."""
        pairs: list[tuple[str, str | None]] = [
            ("IMPLEMENTATION", self.implementation),
            ("SIEVE", " ".join(self.sieve)),
            ("SASL", " ".join(self.mechanisms)),
        ]
        if self.starttls:
            pairs.append(("STARTTLS", None))
        if self.notify:
            pairs.append(("NOTIFY", " ".join(self.notify)))
        if self.lists:
            pairs.append(("EXTLISTS", " ".join(self.lists)))
        if self.max_redirects is not None:
            pairs.append(("MAXREDIRECTS", str(self.max_redirects)))
        if self.owner:
            pairs.append(("OWNER", self.owner))
        pairs += [("UNAUTHENTICATE", None), ("VERSION", "1.0")]
        return b"".join(_capability(name, value) for name, value in pairs)


def _capability(name: str, value: str | None) -> bytes:
    shown = b"" if value is None else b" " + string(value.encode())
    return string(name.encode()) + shown + b"\r\n"
