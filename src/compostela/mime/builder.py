"""Building messages of our own: notifications, bounces, replies."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.base.ids import new_id
from compostela.mime.dates import format_date
from compostela.mime.headers import field_line
from compostela.mime.lines import with_crlf

HeaderList = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class BuiltPart:
    """A MIME part: header fields and octets."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def render(self) -> bytes:
        return header_block(self.headers) + self.body


def header_block(headers: HeaderList, *, utf8: bool = False) -> bytes:
    """Fields and the empty line; with `utf8` values are not encoded (RFC 6532)."""
    if utf8:
        lines = [f"{name}: {' '.join(value.splitlines())}".encode("utf-8", "replace") for name, value in headers]
    else:
        lines = [field_line(name, value) for name, value in headers]
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def new_message_id(domain: str) -> str:
    return f"<{new_id()}@{domain}>"


def standard_headers(sender: str, recipients: str, subject: str, domain: str, now: float | None = None) -> HeaderList:
    """From, To, Subject, Date, Message-ID, MIME-Version."""
    return [
        ("From", sender),
        ("To", recipients),
        ("Subject", subject),
        ("Date", format_date(time.time() if now is None else now)),
        ("Message-ID", new_message_id(domain)),
        ("MIME-Version", "1.0"),
    ]


def text_part(text: str, subtype: str = "plain") -> BuiltPart:
    """UTF-8 text, as 8bit only when it is not ASCII."""
    data = with_crlf(text.encode("utf-8", "replace"))
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if data.isascii():
        return BuiltPart((("Content-Type", f"text/{subtype}; charset=us-ascii"),), data)
    return BuiltPart((("Content-Type", f"text/{subtype}; charset=utf-8"), ("Content-Transfer-Encoding", "8bit")), data)


def message_part(message: bytes, *, headers_only: bool = False, utf8: bool = False) -> BuiltPart:
    """A message, or its header block, as an attachment; with `utf8` as an internationalised one (RFC 6533 §6)."""
    if utf8:
        kind = "message/global-headers" if headers_only else "message/global"
    else:
        kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    headers = [("Content-Type", kind), ("Content-Disposition", "attachment")]
    if not message.isascii():
        headers.append(("Content-Transfer-Encoding", "8bit"))
    return BuiltPart(tuple(headers), message)


def multipart(
    headers: HeaderList, subtype: str, parts: Sequence[BuiltPart], extra: str = "", *, utf8: bool = False
) -> tuple[bytes, bytes]:
    """(header block, body) of a multipart message."""
    boundary = f"=_{new_id()}"
    kind = ("Content-Type", f'multipart/{subtype}{extra}; boundary="{boundary}"')
    delimiter = b"--" + boundary.encode()
    body = b"".join(delimiter + b"\r\n" + part.render() + b"\r\n" for part in parts) + delimiter + b"--\r\n"
    return header_block([*headers, kind], utf8=utf8), body


def singlepart(headers: HeaderList, part: BuiltPart, *, utf8: bool = False) -> tuple[bytes, bytes]:
    """(header block, body) of a message with one part."""
    return header_block([*headers, *part.headers], utf8=utf8), part.body
