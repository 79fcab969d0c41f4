"""Comments in header values (RFC 5322 §3.2.2), in which a quote is a character like another."""

import re

_OF_COMMENT = re.compile(rb"\\.|[()]", re.DOTALL)
_QUOTED_OR_OPEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|\(', re.DOTALL)


def comment_end(value: bytes, start: int) -> int | None:
    """Where the comment ends that begins before `start`; None if nothing closes it."""
    depth = 1
    for found in _OF_COMMENT.finditer(value, start):
        depth += {b"(": 1, b")": -1}.get(found.group(), 0)
        if not depth:
            return found.end()
    return None


def without_comments(value: bytes) -> bytes:
    """The value with a blank for each comment. A parenthesis that nothing closes begins none, nor does any after it."""
    if b"(" not in value:
        return value
    out: list[bytes] = []
    kept = at = 0
    while (found := _QUOTED_OR_OPEN.search(value, at)) is not None:
        at = found.end()
        if found.group() == b"(":
            end = comment_end(value, at)
            if end is None:
                break
            out += [value[kept : found.start()], b" "]
            kept = at = end
    out.append(value[kept:])
    return b"".join(out)
