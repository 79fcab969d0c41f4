"""Mail that a program sent (RFC 3834 §5), which must not be answered by another program."""

from compostela.mime.headers import unfold
from compostela.sieve.header_view import HeaderView


def is_automatic(header: HeaderView) -> bool:
    """True if an Auto-Submitted field says something other than `no`."""
    fields = header.raw(b"auto-submitted")
    return any(unfold(value).split(b";")[0].strip().lower() != b"no" for value in fields)
