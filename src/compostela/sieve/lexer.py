"""Tokens of a Sieve script (RFC 5228 §8.1)."""

import bisect
import enum
import re
from dataclasses import dataclass

from compostela.sieve.errors import Place

MAX_NUMBER = (1 << 63) - 1


class Kind(enum.Enum):
    IDENTIFIER = "identifier"
    TAG = "tag"
    NUMBER = "number"
    STRING = "string"
    PUNCTUATION = "punctuation"
    END = "end of script"


@dataclass(frozen=True, slots=True)
class Token:
    """`value` is the identifier as written, the tag without its colon, the number in digits, or the string's content."""

    kind: Kind
    value: str
    offset: int

    @property
    def shown(self) -> str:
        """For error messages."""
        if self.kind is Kind.END:
            return "the end of the script"
        if self.kind is Kind.STRING:
            return "a string"
        return f"':{self.value}'" if self.kind is Kind.TAG else f"'{self.value}'"


class LexicalError(Exception):
    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)
      | (?P<comment>/\*)
      | (?P<text>text:)
      | (?P<identifier>[A-Za-z_][A-Za-z0-9_]*)
      | :(?P<tag>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9]+[KMGkmg]?)
      | "(?P<string>[^"\\]*(?:\\.[^"\\]*)*)"
      | (?P<punctuation>[][(){},;])""",
    re.VERBOSE | re.DOTALL,
)
_FIRST_LINE = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n")
_LAST_LINE = re.compile(r"^\.\r?$", re.MULTILINE)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_STUFFED = re.compile(r"^\.(?=\.)", re.MULTILINE)
_SCALES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def tokens(text: str) -> list[Token]:
    """All tokens and one of kind `END`. Raises `LexicalError` at the first place that is no token."""
    nul = text.find("\0")
    if nul >= 0:
        raise LexicalError(nul, "a script must not contain NUL")
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise LexicalError(position, _complaint(text, position))
        kind = match.lastgroup
        start, position = position, match.end()
        if kind == "space":
            continue
        if kind == "comment":
            position = text.find("*/", position) + 2
            if position < 2:
                raise LexicalError(start, "the comment is not closed: expected '*/'")
        elif kind == "text":
            value, position = _multi_line(text, start, position)
            found.append(Token(Kind.STRING, value, start))
        elif kind == "string":
            value = match.group("string")
            found.append(Token(Kind.STRING, _QUOTED_PAIR.sub(r"\1", value) if "\\" in value else value, start))
        elif kind == "number":
            found.append(Token(Kind.NUMBER, _number(match.group(), start), start))
        else:
            assert kind is not None
            found.append(Token(Kind(kind), match.group(kind), start))
    found.append(Token(Kind.END, "", len(text)))
    return found


def _multi_line(text: str, start: int, position: int) -> tuple[str, int]:
    first = _FIRST_LINE.match(text, position)
    if first is None:
        raise LexicalError(position, "only a comment may follow 'text:' on its line")
    last = _LAST_LINE.search(text, first.end())
    if last is None:
        raise LexicalError(start, "the text is not closed: expected a line with a single '.'")
    return _STUFFED.sub("", text[first.end() : last.start()]), last.end()


def _number(written: str, offset: int) -> str:
    digits = written.rstrip("KMGkmg").lstrip("0") or "0"
    scale = _SCALES.get(written[-1].lower(), 1)
    if len(digits) > 19 or int(digits) * scale > MAX_NUMBER:
        raise LexicalError(offset, "the number is too large")
    return str(int(digits) * scale)


def _complaint(text: str, position: int) -> str:
    character = text[position]
    if character == '"':
        return "the string is not closed: expected '\"'"
    if character == ":":
        return "a tag needs a name after ':'"
    return f"unexpected character {character!r}"


class Lines:
    """Turns offsets into places."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        line = bisect.bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)
