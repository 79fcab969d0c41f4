"""The grammar of command lines (RFC 1939 §3, RFC 2449 §4): a keyword in any case and arguments after single spaces."""

import re
from collections.abc import Callable

from compostela.base.errors import InvalidArgument
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
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
)

UNKNOWN = "Unknown command."
_AUTH_USAGE = "Invalid AUTH request."
_NUMBER = re.compile(rb"[0-9]{1,10}")
_MECHANISM = re.compile(rb"[A-Za-z0-9_-]{1,20}")
"""RFC 4422 §3.1."""
_BASE64 = re.compile(rb"=|[A-Za-z0-9+/]+={0,2}")


def parse(line: bytes) -> Command:
    """The command of a line without its end. Raises `InvalidArgument` with the text of the reply."""
    keyword, _, rest = line.partition(b" ")
    parser = _PARSERS.get(keyword.upper())
    if parser is None:
        raise InvalidArgument(UNKNOWN)
    return parser(rest)


def _without_argument(make: Callable[[], Command]) -> Callable[[bytes], Command]:
    command = make()
    name = type(command).__name__.upper()

    def parse_it(rest: bytes) -> Command:
        if rest.strip():
            raise InvalidArgument(f"{name} takes no argument.")
        return command

    return parse_it


def _user(rest: bytes) -> Command:
    name = rest.strip()
    if not name:
        raise InvalidArgument("Usage: USER name")
    return User(name)


def _pass(rest: bytes) -> Command:
    if not rest:
        raise InvalidArgument("Usage: PASS password")
    return Pass(rest)


def _auth(rest: bytes) -> Command:
    mechanism, *initial = rest.split() or [b""]
    if not mechanism:
        return Mechanisms()
    if _MECHANISM.fullmatch(mechanism) is None or len(initial) > 1:
        raise InvalidArgument(_AUTH_USAGE)
    if initial and _BASE64.fullmatch(initial[0]) is None:
        raise InvalidArgument(_AUTH_USAGE)
    return Auth(mechanism.decode().upper(), initial[0] if initial else None)


def _listing(make: Callable[[int | None], Command], name: str) -> Callable[[bytes], Command]:
    def parse_it(rest: bytes) -> Command:
        words = rest.split()
        if len(words) > 1:
            raise InvalidArgument(_usage(name, "[mail number]"))
        return make(_number(words[0], name, "[mail number]") if words else None)

    return parse_it


def _of_message(make: Callable[[int], Command], name: str) -> Callable[[bytes], Command]:
    def parse_it(rest: bytes) -> Command:
        words = rest.split()
        if len(words) != 1:
            raise InvalidArgument(_usage(name, "[mail number]"))
        return make(_number(words[0], name, "[mail number]"))

    return parse_it


def _top(rest: bytes) -> Command:
    form = "[mail number] [line count]"
    words = rest.split()
    if len(words) != 2:
        raise InvalidArgument(_usage("TOP", form))
    return Top(_number(words[0], "TOP", form), _number(words[1], "TOP", form))


def _number(word: bytes, name: str, form: str) -> int:
    if _NUMBER.fullmatch(word) is None:
        raise InvalidArgument(_usage(name, form))
    return int(word)


def _usage(name: str, form: str) -> str:
    return f"Usage: {name} {form}"


_PARSERS: dict[bytes, Callable[[bytes], Command]] = {
    b"USER": _user,
    b"PASS": _pass,
    b"AUTH": _auth,
    b"CAPA": _without_argument(Capa),
    b"STLS": _without_argument(Stls),
    b"UTF8": _without_argument(Utf8),
    b"QUIT": _without_argument(Quit),
    b"STAT": _without_argument(Stat),
    b"LIST": _listing(List, "LIST"),
    b"UIDL": _listing(Uidl, "UIDL"),
    b"RETR": _of_message(Retr, "RETR"),
    b"TOP": _top,
    b"DELE": _of_message(Dele, "DELE"),
    b"RSET": _without_argument(Rset),
    b"NOOP": _without_argument(Noop),
}
