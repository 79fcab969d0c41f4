"""Address lists of header fields (RFC 5322 §3.4), tolerant, with groups and routes as IMAP shows them."""

import re
from typing import NamedTuple

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|[^\s"()<>@,;:\[\]\\]+|[<>@,;:()\\]|[ \t\r\n]+', re.DOTALL)
_OF_COMMENT = re.compile(rb"\\.|[()]", re.DOTALL)
MAX_ADDRESSES = 10_000


class Address(NamedTuple):
    """One address as in an IMAP envelope: raw octets, None where there is nothing. A group begins with an address without
    host whose mailbox is the group's name, and ends with one that has nothing (RFC 3501 §7.4.2)."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None

    @property
    def is_mailbox(self) -> bool:
        return self.host is not None

    def text(self) -> str:
        """`mailbox@host` for a mailbox."""
        return f"{(self.mailbox or b'').decode('utf-8', 'replace')}@{(self.host or b'').decode('utf-8', 'replace')}"


def parse(value: bytes) -> list[Address]:
    """Addresses in order, at most `MAX_ADDRESSES` and the end of a group; nothing that cannot be read raises, it is passed over."""
    return _Parser(value).parse()


class _Parser:
    def __init__(self, value: bytes) -> None:
        self._tokens = _tokens(value)
        self._at = 0
        self._found: list[Address] = []

    def parse(self) -> list[Address]:
        phrase: list[bytes] = []
        in_group = has_at = False
        while self._at < len(self._tokens) and len(self._found) < MAX_ADDRESSES:
            token = self._tokens[self._at]
            self._at += 1
            if token == b"<":
                self._angle(_text(phrase))
                phrase, has_at = [], False
            elif token == b":" and not in_group and not has_at:
                self._found.append(Address(None, None, _text(phrase) or b"", None))
                in_group, phrase = True, []
            elif token in (b",", b";"):
                self._plain(phrase)
                phrase, has_at = [], False
                if token == b";" and in_group:
                    self._found.append(Address(None, None, None, None))
                    in_group = False
            elif token != b">":
                phrase.append(token)
                has_at = has_at or token == b"@"
        self._plain(phrase)
        if in_group:
            self._found.append(Address(None, None, None, None))
        return self._found

    def _angle(self, name: bytes | None) -> None:
        inside: list[bytes] = []
        while self._at < len(self._tokens) and self._tokens[self._at] != b">":
            inside.append(self._tokens[self._at])
            self._at += 1
        self._at += 1
        route = None
        if inside[:1] == [b"@"] and b":" in inside:
            colon = inside.index(b":")
            route, inside = b"".join(inside[:colon]), inside[colon + 1 :]
        self._add(name, route, inside)

    def _plain(self, phrase: list[bytes]) -> None:
        if any(not token.isspace() for token in phrase):
            self._add(None, None, phrase)

    def _add(self, name: bytes | None, route: bytes | None, spec: list[bytes]) -> None:
        spec = [token for token in spec if not token.isspace()]
        if b"@" in spec:
            at = len(spec) - 1 - spec[::-1].index(b"@")
            local, host = spec[:at], b"".join(spec[at + 1 :])
        else:
            local, host = spec, b""
        mailbox = b"".join(_unquoted(token) for token in local)
        if mailbox or host or name:
            self._found.append(Address(name, route, mailbox, host))


def _tokens(value: bytes) -> list[bytes]:
    """Without comments (RFC 5322 §3.2.2), in which a quote is a character like another. A parenthesis that nothing closes begins
    none, nor does any behind it: what follows must not be hidden from those who look for authors."""
    if b"(" not in value:
        return _TOKEN.findall(value)
    out: list[bytes] = []
    at, comments = 0, True
    while found := _TOKEN.search(value, at):
        at = found.end()
        if found.group() != b"(":
            out.append(found.group())
        elif comments:
            end = _comment_end(value, at)
            comments, at = end is not None, end or at
    return out


def _comment_end(value: bytes, start: int) -> int | None:
    depth = 1
    for found in _OF_COMMENT.finditer(value, start):
        depth += {b"(": 1, b")": -1}.get(found.group(), 0)
        if not depth:
            return found.end()
    return None


def _unquoted(token: bytes) -> bytes:
    if token[:1] == b'"':
        inner = token[1:-1] if len(token) > 1 and token.endswith(b'"') else token[1:]
        return re.sub(rb"\\(.)", rb"\1", inner, flags=re.DOTALL) if b"\\" in inner else inner
    return token


def _text(tokens: list[bytes]) -> bytes | None:
    text = b"".join(b" " if token.isspace() else _unquoted(token) for token in tokens).strip()
    return text or None
