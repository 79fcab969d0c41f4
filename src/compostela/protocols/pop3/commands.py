"""The commands of POP3 (RFC 1939, with CAPA of RFC 2449, STLS of RFC 2595, AUTH of RFC 5034 and UTF8 of RFC 6856)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class User:
    """USER: the name as sent, UTF-8 or not."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Pass:
    """PASS: everything after the first space, since a password may contain spaces (RFC 1939 §7)."""

    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Auth:
    """AUTH with the mechanism in capitals. `initial` is base64, `=` for an empty response."""

    mechanism: str = field(repr=False)
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """AUTH without an argument, by which older clients ask for the list of mechanisms."""


@dataclass(frozen=True, slots=True)
class Capa:
    """CAPA."""


@dataclass(frozen=True, slots=True)
class Stls:
    """STLS."""


@dataclass(frozen=True, slots=True)
class Utf8:
    """UTF8."""


@dataclass(frozen=True, slots=True)
class Quit:
    """QUIT."""


@dataclass(frozen=True, slots=True)
class Stat:
    """STAT."""


@dataclass(frozen=True, slots=True)
class List:
    """LIST, of one message or of all."""

    number: int | None = None


@dataclass(frozen=True, slots=True)
class Uidl:
    """UIDL, of one message or of all."""

    number: int | None = None


@dataclass(frozen=True, slots=True)
class Retr:
    """RETR."""

    number: int


@dataclass(frozen=True, slots=True)
class Top:
    """TOP: the header block and `lines` lines of the body."""

    number: int
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    """DELE."""

    number: int


@dataclass(frozen=True, slots=True)
class Rset:
    """RSET."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP."""


Command = (
    User | Pass | Auth | Mechanisms | Capa | Stls | Utf8 | Quit | Stat | List | Uidl | Retr | Top | Dele | Rset | Noop
)
