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


def hosts(text: str, *, is_html: bool) -> Iterator[str]:
    """The host of each http, https, ftp and mailto URI, and of what begins with `www.`, in A-labels; dotted IPv4 addresses
    as they are. In HTML, references without a scheme (`href="//host/"`) and character references are understood."""
    if is_html:
        text = unescaped(text)
        for found in _RELATIVE.finditer(text):
            yield from _host(found.group(1))
    for found in _URI.finditer(text):
        yield from _host(found.group(1) or found.group(2) or found.group(3))


def _host(authority: str) -> Iterator[str]:
    """None or one: without user, port and what follows the name in running text."""
    plain = _PERCENT.sub(lambda octet: chr(int(octet.group(1), 16)), authority).rpartition("@")[2]
    name = _HOST.match(plain)
    if name is None:
        return
    try:
        yield Domain.parse(name.group().rstrip(".-")).name
    except InvalidArgument:
        return
