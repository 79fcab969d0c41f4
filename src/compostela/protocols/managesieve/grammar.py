"""The forms of commands: a name in any case and its arguments (RFC 5804 §2 and §4)."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compostela.base.errors import InvalidArgument
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
from compostela.protocols.managesieve.lexer import Atom, String, Token

MAX_NAME = 512
"""Characters of a script's name; RFC 5804 §1.6 demands 128 at least."""
MAX_NUMBER = 2**32 - 1
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NUMBER = re.compile(rb"0|[1-9][0-9]{0,9}")
_MECHANISM = re.compile(rb"[A-Za-z0-9_-]{1,20}")
"""RFC 4422 §3.1."""
_BASE64 = re.compile(rb"=|(?:[A-Za-z0-9+/]+={0,2})?")


class UnknownCommand(InvalidArgument):
    """The first word names no command."""


def parse(tokens: list[Token]) -> Command:
    """The command that these tokens are. Raises `InvalidArgument` with the reason."""
    if not tokens or not isinstance(tokens[0], Atom):
        raise InvalidArgument("missing command")
    form = _FORMS.get(tokens[0].octets.upper())
    if form is None:
        raise UnknownCommand("unknown command")
    arguments = tokens[1:]
    if len(arguments) < len(form.arguments) - form.optional:
        raise InvalidArgument(f"Missing argument: {form.arguments[len(arguments)].what}")
    if len(arguments) > len(form.arguments):
        raise InvalidArgument("Too many arguments")
    return form.make(*(wanted.read(given) for wanted, given in zip(form.arguments, arguments, strict=False)))


def script_name(octets: bytes) -> str:
    """The name of a script in Unicode's normal form C (RFC 5804 §1.6, RFC 5198 §2). Raises `InvalidArgument`."""
    try:
        name = unicodedata.normalize("NFC", octets.decode())
    except UnicodeDecodeError:
        raise InvalidArgument("a script name is not UTF-8") from None
    if not name:
        raise InvalidArgument("a script name is empty")
    if len(name) > MAX_NAME:
        raise InvalidArgument(f"a script name is longer than {MAX_NAME} characters")
    if _FORBIDDEN.search(name) is not None:
        raise InvalidArgument("a script name has a control character or a line separator")
    return name


def base64_response(octets: bytes) -> bytes:
    """An answer to a challenge, or an initial response. `=` means empty. Raises `InvalidArgument`."""
    if _BASE64.fullmatch(octets) is None:
        raise InvalidArgument("not base64")
    return b"" if octets == b"=" else octets


def _string(token: Token) -> bytes:
    if not isinstance(token, String):
        raise InvalidArgument("a string is expected")
    return token.octets


def _name(token: Token) -> str:
    return script_name(_string(token))


def _active_name(token: Token) -> str | None:
    """RFC 5804 §2.8: the empty string deactivates."""
    octets = _string(token)
    return script_name(octets) if octets else None


def _number(token: Token) -> int:
    if not isinstance(token, Atom) or _NUMBER.fullmatch(token.octets) is None or int(token.octets) > MAX_NUMBER:
        raise InvalidArgument("a number below 4294967296 is expected")
    return int(token.octets)


def _mechanism(token: Token) -> str:
    octets = _string(token)
    if _MECHANISM.fullmatch(octets) is None:
        raise InvalidArgument("not the name of a SASL mechanism")
    return octets.decode().upper()


def _initial(token: Token) -> bytes:
    return base64_response(_string(token))


@dataclass(frozen=True, slots=True)
class _Argument:
    what: str
    read: Callable[[Token], Any]


@dataclass(frozen=True, slots=True)
class _Form:
    """`optional` of the arguments may be left out, from the last."""

    make: Callable[..., Command]
    arguments: tuple[_Argument, ...] = ()
    optional: int = 0


_NAME = _Argument("script name", _name)
_SCRIPT = _Argument("script", _string)
_FORMS: dict[bytes, _Form] = {
    b"AUTHENTICATE": _Form(
        Authenticate, (_Argument("mechanism", _mechanism), _Argument("initial response", _initial)), optional=1
    ),
    b"STARTTLS": _Form(StartTls),
    b"LOGOUT": _Form(Logout),
    b"CAPABILITY": _Form(Capability),
    b"NOOP": _Form(Noop, (_Argument("tag", _string),), optional=1),
    b"HAVESPACE": _Form(HaveSpace, (_NAME, _Argument("size", _number))),
    b"PUTSCRIPT": _Form(PutScript, (_NAME, _SCRIPT)),
    b"CHECKSCRIPT": _Form(CheckScript, (_SCRIPT,)),
    b"LISTSCRIPTS": _Form(ListScripts),
    b"SETACTIVE": _Form(SetActive, (_Argument("script name", _active_name),)),
    b"GETSCRIPT": _Form(GetScript, (_NAME,)),
    b"DELETESCRIPT": _Form(DeleteScript, (_NAME,)),
    b"RENAMESCRIPT": _Form(RenameScript, (_NAME, _Argument("new script name", _name))),
    b"UNAUTHENTICATE": _Form(Unauthenticate),
}
