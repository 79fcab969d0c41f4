"""Which messages must not be answered by a program (RFC 3834 §2, RFC 5230 §4.6)."""

import re

from compostela.mime.headers import Headers, values

_PROGRAM = re.compile(
    r"(?:mailer-daemon|listserv|majordomo|postmaster-noreply|no-?reply|owner-.*|.*-(?:request|owner|bounces))@.*",
    re.IGNORECASE | re.DOTALL,
)
RECIPIENT_FIELDS = (b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc")
"""Fields of which one must name a user who answers by a program (RFC 5230 §4.5)."""
_LIST_PRECEDENCE = frozenset({b"bulk", b"junk", b"list"})


def is_of_program(address: str) -> bool:
    """Whether the address is that of a list manager or of another program that sends mail."""
    return _PROGRAM.fullmatch(address) is not None


def is_automatic(block: bytes) -> bool:
    """Whether an Auto-Submitted field of the header block says something other than `no` (RFC 3834 §5)."""
    return any(value.split(b";")[0].strip().lower() != b"no" for value in values(block, b"auto-submitted"))


def is_personal(block: bytes) -> bool:
    """Whether the header block is that of a mail from a person to persons: not of a list, not sent by a program, no report."""
    if is_automatic(block):
        return False
    header = Headers(block)
    if any(value.lower() in _LIST_PRECEDENCE for value in header.get_all(b"precedence")):
        return False
    if any(field.name.lower().startswith(b"list-") for field in header):
        return False
    kind = (header.get(b"content-type") or b"").split(b";")[0].strip().lower()
    return kind != b"multipart/report"
