"""Address lists of header fields (RFC 5322 §3.4), tolerant, with groups and routes as IMAP shows them."""

import re
from typing import NamedTuple

from compostela.mime.comments import comment_end

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|[^\s"()<>@,;:\[\]\\]+|[<>@,;:()\\]|[ \t\r\n]+', re.DOTALL)
_CLOSED = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_ATOM = rb'[^\s"()<>@,;:\[\]\\]+'
_USUAL = re.compile(rb'(?:(?:"([^"\\]*)"|(A(?: A)*))?[ \t\r\n]*<(A)@(A)>|(A)@(A))'.replace(b"A", _ATOM))
"""One address as most are: `Name <mailbox@host>`, `"Name" <mailbox@host>` or `mailbox@host`."""
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
    # without the blanks around it: beside those inside they would make the search quadratic
    usual = _USUAL.fullmatch(value.strip(b" \t\r\n"))
    if usual is None:
        return parse_any(value)
    quoted, name, mailbox, host, bare_mailbox, bare_host = usual.groups()
    if bare_mailbox is not None:
        return [Address(None, None, bare_mailbox, bare_host)]
    return [Address(name if quoted is None else quoted.strip() or None, None, mailbox, host)]


def parse_any(value: bytes) -> list[Address]:
    """The same without the short way for the usual forms."""
    return _Parser(value).parse()


class _Parser:
    def __init__(self, value: bytes) -> None:
        self._tokens = _tokens(value)
        self._at = 0
        self._found: list[Address] = []

    def parse(self) -> list[Address]:
        phrase: list[bytes] = []
        in_group = has_at = False
        self._comment: bytes | None = None
        while self._at < len(self._tokens) and len(self._found) < MAX_ADDRESSES:
            token = self._tokens[self._at]
            self._at += 1
            if _is_comment(token):
                self._comment = _uncommented(token)
                continue
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
                if not token.isspace():
                    self._comment = None
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
        self._comment = None
        inside = [token for token in inside if not _is_comment(token)]
        route = None
        if inside[:1] == [b"@"] and b":" in inside:
            colon = inside.index(b":")
            route, inside = b"".join(inside[:colon]), inside[colon + 1 :]
        self._add(name, route, inside)

    def _plain(self, phrase: list[bytes]) -> None:
        # the old way to tell a name: `user@domain (Real Name)` (RFC 822 §A.1.3)
        if any(not token.isspace() for token in phrase):
            self._add(self._comment, None, phrase)
        self._comment = None

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
    """Split into tokens; each comment is one (RFC 5322 §3.2.2). A parenthesis or quote that is not closed begins no comment or
    quoted string, nor does any after it: the rest must not be hidden from a search for authors."""
    if b"(" not in value:
        out = _TOKEN.findall(value)
    else:
        out = []
        at, comments = 0, True
        while found := _TOKEN.search(value, at):
            at = found.end()
            end = comment_end(value, at) if comments and found.group() == b"(" else None
            if end is not None:
                at = end
            elif found.group() == b"(":
                comments = False
                continue
            out.append(value[found.start() : at])
    if out and out[-1][:1] == b'"' and not _CLOSED.fullmatch(out[-1]):
        out[-1:] = _tokens(out[-1].replace(b'"', b" "))
    return out


def _is_comment(token: bytes) -> bool:
    return token[:1] == b"(" and len(token) > 1


def _uncommented(token: bytes) -> bytes | None:
    return _QUOTED_PAIR.sub(rb"\1", token[1:-1]).strip() or None


def _unquoted(token: bytes) -> bytes:
    if token[:1] == b'"':
        inner = token[1:-1] if len(token) > 1 and token.endswith(b'"') else token[1:]
        return _QUOTED_PAIR.sub(rb"\1", inner) if b"\\" in inner else inner
    return token


def _text(tokens: list[bytes]) -> bytes | None:
    text = b"".join(b" " if token.isspace() else _unquoted(token) for token in tokens).strip()
    return text or None
