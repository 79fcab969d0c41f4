"""How far a mail has come, read from its header (RFC 5321 §6.3)."""

from compostela.core.delivery.headers import DELIVERED_TO
from compostela.mime.headers import values
from compostela.model.mail_address import MailAddress

MAX_RECEIVED = 100
"""Received fields of one mail, with this server's own. RFC 5321 §6.3 wants a limit of at least 100."""
_SHORTEST_FIELD = len(b"Received:\n")
TOO_MANY_HOPS = "554 5.4.6 The mail has passed too many servers: it is in a loop"


def has_too_many_hops(header: bytes, limit: int = MAX_RECEIVED) -> bool:
    """Whether a header block has more than `limit` Received fields."""
    # most headers are too short for so many; counting a word is quick, and an upper bound of the number of fields
    return (
        len(header) > limit * _SHORTEST_FIELD
        and header.lower().count(b"received") > limit
        and len(values(header, b"Received")) > limit
    )


def was_delivered_to(header: bytes, recipient: MailAddress) -> bool:
    """Whether a header block has a Delivered-To field of this recipient. Case makes no difference."""
    wanted = str(recipient).lower()
    return any(
        value.decode("utf-8", "replace").strip("<> \t").lower() == wanted
        for value in values(header, DELIVERED_TO.encode())
    )
