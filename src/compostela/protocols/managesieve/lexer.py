"""Tokens of a command (RFC 5804 §4): atoms, and strings in quotes or as literals."""

import re
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument

MAX_QUOTED = 1024
"""Octets between the quotes."""
_TOKEN = re.compile(rb'(?P<space>[ \t]+)|(?P<atom>[!#-\'*-\[\]-z|}~]+)|"(?P<quoted>(?:[^"\\\0\r\n]|\\["\\])*)"')
_ESCAPE = re.compile(rb"\\(.)")


@dataclass(frozen=True, slots=True)
class Atom:
    """A word or a number."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class String:
    """A string, unescaped."""

    octets: bytes


Token = Atom | String


def tokenise(line: bytes) -> list[Token]:
    """The tokens of a line, or of a piece of one before a literal. Raises `InvalidArgument`."""
    found: list[Token] = []
    at = 0
    separated = True
    while at < len(line):
        match = _TOKEN.match(line, at)
        if match is None:
            raise InvalidArgument("a string is not closed" if line[at : at + 1] == b'"' else "unexpected character")
        at = match.end()
        if match["space"] is not None:
            separated = True
            continue
        if not separated:
            raise InvalidArgument("missing space")
        separated = False
        if match["atom"] is not None:
            found.append(Atom(match["atom"]))
        else:
            found.append(String(_unquoted(match["quoted"])))
    return found


def _unquoted(quoted: bytes) -> bytes:
    octets = _ESCAPE.sub(rb"\1", quoted) if b"\\" in quoted else quoted
    if len(octets) > MAX_QUOTED:
        raise InvalidArgument(f"a quoted string is longer than {MAX_QUOTED} octets")
    return octets
