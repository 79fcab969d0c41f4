"""Replacements with regular expressions as James writes them: `/expression/replacement/flags/`, several with commas between."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from compostela.base.errors import InvalidArgument
from compostela.base.expressions import compiled

MAX_REPEATS = 100
"""How often the flag `r` may apply an expression again."""
_SLASH = re.compile(r"(?<!\\)/")
_NEXT = re.compile(r"(?<!\\)/,/")
_GROUP = re.compile(r"\\(.)|\$(\d)", re.DOTALL)
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.NOFLAG, "r": re.NOFLAG}


class Substitution(NamedTuple):
    pattern: re.Pattern[str]
    replacement: str
    is_repeated: bool

    def apply(self, text: str) -> str:
        for _ in range(MAX_REPEATS if self.is_repeated else 1):
            replaced = self.pattern.sub(self._expanded, text)
            if replaced == text:
                break
            text = replaced
        return text

    def _expanded(self, found: re.Match[str]) -> str:
        """Java's form: `$1` is a group, a backslash takes the next character as it is."""
        return _GROUP.sub(lambda one: one[1] if one[1] is not None else found[int(one[2])] or "", self.replacement)


@dataclass(frozen=True, slots=True)
class Substitutions:
    """Applied in order."""

    in_order: tuple[Substitution, ...] = ()

    def apply(self, text: str) -> str:
        for one in self.in_order:
            text = one.apply(text)
        return text

    def __bool__(self) -> bool:
        return bool(self.in_order)

    def __add__(self, other: "Substitutions") -> "Substitutions":
        return Substitutions(self.in_order + other.in_order)


NO_SUBSTITUTIONS = Substitutions()


def parse_list(text: str) -> Substitutions:
    """Raises `InvalidArgument`."""
    text = text.strip()
    if len(text) < 2 or text[0] != "/" or text[-1] != "/":
        raise InvalidArgument(f"{text!r} is not '/expression/replacement/flags/'")
    return Substitutions(tuple(_parse(one.replace("\\/,/", "/,/")) for one in _NEXT.split(text[1:-1])))


def read_files(names: str, resolve: Callable[[str], Path]) -> Substitutions:
    """Files with commas between, `?charset` after a name that is not in UTF-8. Raises `InvalidArgument`."""
    found = Substitutions()
    for name in names.split(","):
        path, _, charset = name.strip().partition("?")
        try:
            lines = resolve(path).read_text(encoding=charset or "utf-8").splitlines()
        except (OSError, UnicodeError, LookupError) as error:
            raise InvalidArgument(f"{path!r} cannot be read: {error}") from error
        for line in map(str.strip, lines):
            if line and not line.startswith("#"):
                found += parse_list(line)
    return found


def _parse(text: str) -> Substitution:
    pieces = _SLASH.split(text)
    if len(pieces) != 3 or not set(pieces[2]) <= set(_FLAGS):
        raise InvalidArgument(f"{text!r} is not 'expression/replacement/flags' with the flags {''.join(_FLAGS)}")
    expression, replacement, letters = pieces
    flags = re.NOFLAG
    for letter in letters:
        flags |= _FLAGS[letter]
    for escape, character in (("\\r", "\r"), ("\\n", "\n"), ("\\t", "\t")):
        replacement = replacement.replace(escape, character)
    pattern = compiled(expression, flags)
    if any(int(number) > pattern.groups for number in re.findall(r"(?<!\\)\$(\d)", replacement)):
        raise InvalidArgument(f"{replacement!r} names a group that {expression!r} does not have")
    return Substitution(pattern, replacement, "r" in letters)
