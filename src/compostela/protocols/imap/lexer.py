"""Tokens of IMAP commands: atoms, strings, lists (RFC 3501 §9)."""

import re
from typing import TypeAlias

from compostela.base.errors import InvalidArgument

MAX_DEPTH = 32
_TOKEN = re.compile(
    rb'[ \t]*(?:(\()|(\))|"((?:[^"\\\r\n]|\\["\\])*)"|([^\s()"{\[\]]+(?:\[[^\]]*\](?:<[0-9.]+>)?)?|\[|\]))'
)
_ESCAPED = re.compile(rb'\\(["\\])')


class String(bytes):
    """What came quoted or as a literal, told apart from an atom."""


Token: TypeAlias = "bytes | list[Token]"


class SyntaxFault(InvalidArgument):
    """The command is not of the grammar's form."""


def tokenise(pieces: list[bytes | String]) -> list[Token]:
    """The tokens of a command that is made of lines (without literal markers) and literals."""
    top: list[Token] = []
    stack = [top]
    for piece in pieces:
        if isinstance(piece, String):
            stack[-1].append(piece)
            continue
        position, end = 0, len(piece)
        while position < end:
            match = _TOKEN.match(piece, position)
            if match is None:
                if piece[position:].strip():
                    raise SyntaxFault("Illegal arguments.")
                break
            position = match.end()
            kind = match.lastindex
            if kind == 4:
                stack[-1].append(match.group(4))
            elif kind == 3:
                text = match.group(3)
                stack[-1].append(String(_ESCAPED.sub(rb"\1", text) if b"\\" in text else text))
            elif kind == 1:
                if len(stack) > MAX_DEPTH:
                    raise SyntaxFault("Nesting is too deep.")
                inner: list[Token] = []
                stack[-1].append(inner)
                stack.append(inner)
            else:
                if len(stack) == 1:
                    raise SyntaxFault("Illegal arguments.")
                stack.pop()
    if len(stack) != 1:
        raise SyntaxFault("Illegal arguments.")
    return top
