"""Tokens of IMAP commands: atoms, strings, lists, and the sections of FETCH as one token each (RFC 3501 §9).

Time is linear in the length of the command; lists nest no deeper than `MAX_DEPTH`. Atoms are taken more widely than the
grammar has them (octets above 127, wildcards, backslashes): the parser decides where each is allowed.
"""

import re
from typing import TypeAlias

from compostela.base.errors import InvalidArgument

MAX_DEPTH = 32
ILLEGAL = "Illegal arguments."

_TOKEN = re.compile(
    rb'[ \t]*(?:([^\x00-\x20(){"\x7f]+)|(\()|(\))|"([^"\\\r\n\x00]*(?:\\["\\][^"\\\r\n\x00]*)*)"'
    rb")"
)
_REST_OF_SECTION = re.compile(rb'(?:[^\]"\x00\r\n]|"(?:[^"\\]|\\.)*")*\][^\x00-\x20(){"\x7f]*')
_ESCAPED = re.compile(rb'\\(["\\])')
_FIELD_NAME = re.compile(rb"[!#-9;-\[\]-~]+")
_ATOM, _OPEN, _CLOSE = 1, 2, 3


class String(bytes):
    """What came quoted or as a literal, told apart from an atom."""


Token: TypeAlias = "bytes | list[Token]"


class SyntaxFault(InvalidArgument):
    """The command is not of the grammar's form."""


def tokenise(pieces: list[bytes | String]) -> list[Token]:
    """The tokens of a command that is made of lines (without literal markers) and literals. Raises `SyntaxFault`."""
    top: list[Token] = []
    stack = [top]
    for piece in pieces if len(pieces) == 1 else _joined_sections(pieces):
        if isinstance(piece, String):
            stack[-1].append(piece)
        else:
            _tokenise_line(piece, stack)
    if len(stack) != 1:
        raise SyntaxFault(ILLEGAL)
    return top


def _tokenise_line(line: bytes, stack: list[list[Token]]) -> None:
    position, end = 0, len(line)
    while position < end:
        match = _TOKEN.match(line, position)
        if match is None:
            if line[position:].strip(b" \t"):
                raise SyntaxFault(ILLEGAL)
            return
        position = match.end()
        kind = match.lastindex
        if kind == _ATOM:
            atom = match.group(1)
            if b"[" in atom and _begins_section(atom):
                position = _end_of_section(line, match.start(1) + atom.index(b"[") + 1)
                atom = line[match.start(1) : position]
            stack[-1].append(atom)
        elif kind == _OPEN:
            if len(stack) > MAX_DEPTH:
                raise SyntaxFault("Nesting is too deep.")
            inner: list[Token] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif kind == _CLOSE:
            if len(stack) == 1:
                raise SyntaxFault(ILLEGAL)
            stack.pop()
        else:
            stack[-1].append(String(unescape(match.group(4))))


def unescape(quoted: bytes) -> bytes:
    """What a quoted string (without its quotes) means."""
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted


def _begins_section(atom: bytes) -> bool:
    return atom[: atom.index(b"[")].upper() in (b"BODY", b"BODY.PEEK")


def _end_of_section(line: bytes, start: int) -> int:
    match = _REST_OF_SECTION.match(line, start)
    if match is None:
        raise SyntaxFault(ILLEGAL)
    return match.end()


def _joined_sections(pieces: list[bytes | String]) -> list[bytes | String]:
    """Header field names of a section may come as literals: they are put into their line as quoted strings, so that a
    section is one token whatever it was made of."""
    out: list[bytes | String] = []
    joins = False
    for piece in pieces:
        if joins and not isinstance(piece, String):
            out[-1] += piece
        elif isinstance(piece, String) and _is_inside_section(out) and _FIELD_NAME.fullmatch(piece):
            out[-1] += b'"' + piece + b'"'
            joins = True
            continue
        else:
            out.append(piece)
        joins = False
    return out


def _is_inside_section(pieces: list[bytes | String]) -> bool:
    last = pieces[-1] if pieces else b""
    return not isinstance(last, String) and last.rfind(b"[") > last.rfind(b"]")
