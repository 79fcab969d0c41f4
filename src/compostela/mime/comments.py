"""Comments in header values (RFC 5322 §3.2.2), in which a quote is a character like another."""

import re

_OF_COMMENT = re.compile(rb"\\.|[()]", re.DOTALL)
_UNQUOTED = re.compile(rb'\s*[^\s"]')
_GOES_ON = re.compile(rb"[^\s;,=/()]")
_QUOTED_OR_OPEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|\(', re.DOTALL)


def comment_end(value: bytes, start: int) -> int | None:
    """Where the comment ends that begins before `start`; None if nothing closes it."""
    depth = 1
    for found in _OF_COMMENT.finditer(value, start):
        depth += {b"(": 1, b")": -1}.get(found.group(), 0)
        if not depth:
            return found.end()
    return None


def without_comments(value: bytes, *, after_equals: bool = True) -> bytes:
    """The value with a blank for each comment. A parenthesis that nothing closes begins none, nor does any after it. Without
    `after_equals`, parentheses within what an equals sign gives stay, if more of it comes at once after them: software sends
    `filename=report (1).pdf` without quotes."""
    if b"(" not in value:
        return value
    out: list[bytes] = []
    kept = at = looked_at = 0
    is_given = False
    while (found := _QUOTED_OR_OPEN.search(value, at)) is not None:
        at = found.end()
        if found.group() == b"(":
            end = comment_end(value, at)
            if end is None:
                break
            is_given = _is_given(value, looked_at, found.start(), is_given)
            looked_at = at = end
            if is_given and not after_equals and _GOES_ON.match(value, end):
                continue
            out += [value[kept : found.start()], b" "]
            kept = end
    out.append(value[kept:])
    return b"".join(out)


def _is_given(value: bytes, start: int, end: int, before: bool) -> bool:
    """Whether `end` is within an unquoted value after an equals sign. `before` is the answer for `start`."""
    equals, semicolon = value.rfind(b"=", start, end), value.rfind(b";", start, end)
    if max(equals, semicolon) < 0:
        return before
    return equals > semicolon and _UNQUOTED.match(value, equals + 1, end) is not None
