"""Macros of SPF records (RFC 7208 §7): parsing and expansion."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

_MACRO = re.compile(r"%\{([A-Za-z])(\d{0,3})([rR]?)([.\-+,/_=]*)\}")
_LITERAL = re.compile(r"[\x21-\x24\x26-\x7e]+")
_LITERAL_WITH_BLANKS = re.compile(r"[\x20-\x24\x26-\x7e]+")
_ESCAPES = {"%%": "%", "%_": " ", "%-": "%20"}
_LETTERS = frozenset("slodiphv")
_EXPLANATION_LETTERS = _LETTERS | frozenset("crt")
_TOP_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?")


class SpfSyntaxError(ValueError):
    """A record or an explanation that is not of the grammar."""


@dataclass(frozen=True, slots=True)
class Macro:
    """One `%{...}`. `parts` is how many right-hand parts are kept, 0 for all."""

    letter: str
    parts: int = 0
    reverse: bool = False
    delimiters: str = "."
    url_escape: bool = False


MacroString = tuple[str | Macro, ...]
MacroValue = Callable[[str], Awaitable[str]]
"""Gives the value of a macro letter."""


def parse_macro_string(text: str, *, explanation: bool = False) -> MacroString:
    """`macro-string`, or with `explanation` an `explain-string`, which may hold blanks and the letters c, r, t. Raises
    `SpfSyntaxError`."""
    return _pieces(text, explanation=explanation)[0]


def parse_domain_spec(text: str) -> MacroString:
    """`domain-spec`: ends in a macro, or in a dot and a top label, which is not all digits. Raises `SpfSyntaxError`."""
    pieces, ends_in_macro = _pieces(text, explanation=False)
    if ends_in_macro:
        return pieces
    _, dot, top = text.removesuffix(".").rpartition(".")
    if not dot or not _TOP_LABEL.fullmatch(top) or top.isdigit():
        raise SpfSyntaxError(f"{_shown(text)} does not end in a top-level domain")
    return pieces


def _pieces(text: str, *, explanation: bool) -> tuple[MacroString, bool]:
    """And whether the last one is a `macro-expand`."""
    literal = _LITERAL_WITH_BLANKS if explanation else _LITERAL
    letters = _EXPLANATION_LETTERS if explanation else _LETTERS
    pieces: list[str | Macro] = []
    position = literal_end = 0
    while position < len(text):
        run = literal.match(text, position)
        if run is not None:
            pieces.append(run.group())
            position = literal_end = run.end()
        elif text[position : position + 2] in _ESCAPES:
            pieces.append(_ESCAPES[text[position : position + 2]])
            position += 2
        else:
            macro = _MACRO.match(text, position)
            if macro is None:
                raise SpfSyntaxError(f"a wrong macro or character in {_shown(text)}")
            pieces.append(_macro(macro, letters))
            position = macro.end()
    return tuple(pieces), position > literal_end


async def expand(pieces: MacroString, value: MacroValue) -> str:
    """The text with the values in place (§7.3)."""
    parts = [piece if isinstance(piece, str) else _transformed(piece, await value(piece.letter)) for piece in pieces]
    return "".join(parts)


def _macro(found: re.Match[str], letters: frozenset[str]) -> Macro:
    letter, digits, reverse, delimiters = found.groups()
    if letter.lower() not in letters:
        raise SpfSyntaxError(f"the macro letter {letter} is not allowed here")
    if digits and int(digits) == 0:
        raise SpfSyntaxError("a macro that keeps no part")
    return Macro(letter.lower(), int(digits or 0), bool(reverse), delimiters or ".", letter.isupper())


def _transformed(macro: Macro, value: str) -> str:
    if macro.parts or macro.reverse or macro.delimiters != ".":
        parts = re.split(f"[{re.escape(macro.delimiters)}]", value)
        if macro.reverse:
            parts.reverse()
        value = ".".join(parts[-macro.parts :])
    return quote(value, safe="") if macro.url_escape else value


def _shown(text: str) -> str:
    return ascii(text[:80])
