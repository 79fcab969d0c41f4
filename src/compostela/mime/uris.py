"""Hosts that the URIs of a text name, as a reader's mail program would follow them: tolerant, for judging and not for
fetching. Time is linear in the length of the text."""

import re
from collections.abc import Iterator

from compostela.base.errors import InvalidArgument
from compostela.mime.text import unescaped
from compostela.model.domain import Domain

_AUTHORITY = r"[^\s/\\?#<>\"'`|^{}]{1,300}"
_URI = re.compile(
    rf"\b(?:https?|ftp):[/\\]{{1,4}}({_AUTHORITY})|\bmailto:[^\s@<>\"']{{1,100}}@([\w.\-]{{1,255}})|(?<![\w.@/\\-])(www\.[\w.\-]{{1,251}})",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    rf"\b(?:href|src|action|background)\s{{0,8}}=\s{{0,8}}[\"']?\s{{0,8}}[/\\]{{2}}({_AUTHORITY})", re.IGNORECASE
)
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")
_HOST = re.compile(r"[\w\-]+(?:\.[\w\-]+)+")

MAX_AUTHORITIES = 500
"""Different hosts as they are written, with user and port, that are looked at: a strange one may take a millisecond."""
MAX_LABELS = 5
"""Of a name, from its end."""


def hosts(text: str, *, is_html: bool, seen: set[str] | None = None) -> Iterator[str]:
    """The host of each http, https, ftp and mailto URI, and of what begins with `www.`, in A-labels; dotted IPv4 addresses
    as they are. In HTML, references without a scheme (`href="//host/"`) and character references are understood. What is
    written like an earlier one is passed over, and the first 500 are looked at: with the same `seen`, of several texts."""
    seen = set() if seen is None else seen
    for authority in _authorities(text, is_html=is_html):
        if authority in seen:
            continue
        if len(seen) >= MAX_AUTHORITIES:
            return
        seen.add(authority)
        yield from _host(authority)


def _authorities(text: str, *, is_html: bool) -> Iterator[str]:
    if is_html:
        text = unescaped(text)
        for found in _RELATIVE.finditer(text):
            yield found.group(1)
    for found in _URI.finditer(text):
        yield found.group(1) or found.group(2) or found.group(3)


def _host(authority: str) -> Iterator[str]:
    """None or one: without user, port and what follows the name in running text."""
    plain = _PERCENT.sub(lambda octet: chr(int(octet.group(1), 16)), authority).rpartition("@")[2]
    name = _HOST.match(plain)
    if name is None:
        return
    try:
        yield Domain.parse(".".join(name.group().rstrip(".-").split(".")[-MAX_LABELS:])).name
    except InvalidArgument:
        return
