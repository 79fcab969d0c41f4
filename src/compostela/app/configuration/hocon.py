"""The part of HOCON that `cassandra-driver.conf` needs, as a settings node.

Objects, dotted keys, `=`, `:` or nothing before an object, quoted strings, lists, comments with `#` and `//`, and `${?NAME}` or `${NAME}` for
environment variables. A later value takes the place of an earlier one. Each value is a child whose name is its whole path; the items of a list are
joined with commas. `include` and sums of values are not supported.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place

MAX_DEPTH = 50
_TOKEN = re.compile(
    r"""(?P<comment>(?:\#|//)[^\n]*)
    |(?P<newline>\n)
    |(?P<space>[ \t\r\f]+)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<mark>[{}\[\],=:])
    |(?P<variable>\$\{\??[A-Za-z0-9_.]+\})
    |(?P<word>(?:[^\s{}\[\],=:\#"$/]|/(?!/))+)""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class HoconError(InvalidArgument):
    """What cannot be read, with its line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def parse_hocon(name: str, text: str, environment: Mapping[str, str]) -> Node:
    """The values of a file by their paths. Raises `HoconError`."""
    reader = _Reader(name, _tokens(text), environment)
    values = reader.whole()
    return Node(name, Place(name), children=list(values.values()))


def _tokens(text: str) -> list[_Token]:
    found, at, line = [], 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise HoconError(line, f"unexpected {text[at]!r}")
        kind = match.lastgroup
        if kind != "comment":
            found.append(_Token(kind, match[0], line))
        line += kind == "newline"
        at = match.end()
    found.append(_Token("end", "", line))
    return found


class _Reader:
    def __init__(self, name: str, tokens: list[_Token], environment: Mapping[str, str]) -> None:
        self._name = name
        self._tokens = tokens
        self._environment = environment
        self._at = 0
        self._values: dict[str, Node] = {}

    def whole(self) -> dict[str, Node]:
        self._skip("space", "newline")
        if self._is("{"):
            self._at += 1
            self._members("", 0, "}")
        else:
            self._members("", 0, "")
        self._skip("space", "newline")
        if self._next.kind != "end":
            raise HoconError(self._next.line, f"unexpected {self._next.text!r}")
        return self._values

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _is(self, mark: str) -> bool:
        return self._next.kind == "mark" and self._next.text == mark

    def _skip(self, *kinds: str) -> None:
        while self._next.kind in kinds:
            self._at += 1

    def _members(self, prefix: str, depth: int, closing: str) -> None:
        """Up to the closing mark, or to the end of the file if there is none."""
        if depth > MAX_DEPTH:
            raise HoconError(self._next.line, f"more than {MAX_DEPTH} objects inside each other")
        while True:
            self._skip("space", "newline")
            while self._is(","):
                self._at += 1
                self._skip("space", "newline")
            if closing and self._is(closing):
                self._at += 1
                return
            if self._next.kind == "end":
                if closing:
                    raise HoconError(self._next.line, f"{closing!r} is missing")
                return
            self._member(prefix, depth)

    def _member(self, prefix: str, depth: int) -> None:
        line = self._next.line
        key = self._key()
        if key == "include":
            raise HoconError(line, "'include' is not supported: write the settings into this file")
        path = f"{prefix}.{key}" if prefix else key
        self._skip("space")
        if self._is("=") or self._is(":"):
            self._at += 1
            self._skip("space", "newline")
        elif not self._is("{"):
            raise HoconError(line, f"{key!r} has no value")
        if self._is("{"):
            self._at += 1
            self._members(path, depth + 1, "}")
            return
        value = self._list() if self._is("[") else self._scalar("\n,}")
        if value is not None:
            self._values[path] = Node(path, Place(self._name, line), value)

    def _key(self) -> str:
        token = self._next
        if token.kind not in ("word", "string"):
            raise HoconError(token.line, f"a key is expected, not {token.text!r}")
        parts = []
        while self._next.kind in ("word", "string"):
            parts.append(_plain(self._next))
            self._at += 1
        return "".join(parts)

    def _list(self) -> str:
        line = self._next.line
        self._at += 1
        items: list[str] = []
        while True:
            self._skip("space", "newline")
            if self._is("]"):
                self._at += 1
                return ",".join(items)
            if self._next.kind == "end" or self._is("{") or self._is("["):
                raise HoconError(line, "a list holds values, and ends with ']'")
            if self._is(","):
                self._at += 1
                continue
            item = self._scalar("\n,]")
            if item is not None:
                items.append(item)

    def _scalar(self, ends: str) -> str | None:
        """A value up to the end of its line; None for an optional variable that is not set."""
        pieces: list[str] = []
        is_set = False
        while self._next.kind != "end" and self._next.text not in ends:
            token = self._next
            if token.kind == "variable":
                known = self._variable(token)
                is_set = is_set or known is not None
                pieces.append(known or "")
            else:
                is_set = True
                pieces.append(_plain(token))
            self._at += 1
        return "".join(pieces).strip() if is_set else None

    def _variable(self, token: _Token) -> str | None:
        name = token.text[2:-1]
        if name.startswith("?"):
            return self._environment.get(name[1:])
        if name not in self._environment:
            raise HoconError(token.line, f"the environment variable {name} is not set")
        return self._environment[name]


def _plain(token: _Token) -> str:
    if token.kind != "string":
        return token.text
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), token.text[1:-1])
