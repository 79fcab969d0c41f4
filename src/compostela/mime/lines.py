"""Line ends and dots, for whole buffers."""

import re

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def has_bare_line_ends(data: bytes) -> bool:
    """Whether there is a CR without LF or an LF without CR."""
    crlf = data.count(b"\r\n")
    return data.count(b"\n") != crlf or data.count(b"\r") != crlf


def with_crlf(data: bytes) -> bytes:
    """Every line end as CRLF; the same object when they are."""
    return _BARE.sub(b"\r\n", data) if has_bare_line_ends(data) else data


def stuffed(data: bytes) -> bytes:
    """With a second dot before each dot at the start of a line (RFC 5321 §4.5.2)."""
    stuffed_lines = data.replace(b"\n.", b"\n..")
    return b"." + stuffed_lines if data.startswith(b".") else stuffed_lines
