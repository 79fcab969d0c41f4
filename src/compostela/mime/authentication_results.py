"""Authentication-Results fields (RFC 8601)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.mime import headers

FIELD = "Authentication-Results"
_NAME = FIELD.lower().encode()
_SERVER = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;()"]+))')
_COMMENT = re.compile(r"\s*\((?:[^()\\]|\\.)*\)")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~@\-]+")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')


@dataclass(frozen=True, slots=True)
class MethodResult:
    """`spf=pass (reason) smtp.mailfrom=example.org`."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    """Names such as `smtp.mailfrom`, with their values; empty values are left out."""
    reason: str = ""


def results_text(server: str, results: Sequence[MethodResult]) -> str:
    """The value of the field, on one line."""
    return "; ".join([server, *(map(_text, results) if results else ["none"])])


def without_results_of(block: bytes, server: str) -> bytes:
    """A header block without the fields that claim to come from this server: they were written by others (§5)."""
    kept, position = [], 0
    for field in headers.fields(block):
        if field.name.lower() == _NAME and _server_of(field.value) == server.lower():
            kept.append(block[position : field.start])
            position = field.end
    return b"".join([*kept, block[position:]])


def _server_of(value: bytes) -> str:
    text = headers.unfold(value).decode("utf-8", "replace")
    while (comment := _COMMENT.match(text)) is not None:
        text = text[comment.end() :]
    found = _SERVER.match(text)
    return (found[1] or found[2] or "").lower() if found is not None else ""


def _text(one: MethodResult) -> str:
    words = [f"{one.method}={one.result}"]
    words += [f"reason={_value(one.reason, quoted=True)}"] if one.reason else []
    words += [f"{name}={_value(value)}" for name, value in one.properties if value]
    return " ".join(words)


def _value(text: str, *, quoted: bool = False) -> str:
    if not quoted and _TOKEN.fullmatch(text):
        return text
    return '"' + _UNSAFE.sub("?", text) + '"'
