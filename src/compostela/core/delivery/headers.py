"""The header block of a message in the mailbox."""

from collections.abc import Iterable

from compostela.mime.headers import add_first, field_line
from compostela.model.mail_address import MailAddress

DELIVERED_TO = "Delivered-To"


def delivered_header(block: bytes, sender: MailAddress | None, own: Iterable[tuple[str, str]]) -> bytes:
    """Return-Path on top (RFC 5321 §4.4), then the fields that only this recipient sees. `block` has no Return-Path."""
    return_path = b"Return-Path: <%s>" % (str(sender).encode() if sender is not None else b"")
    return add_first(block, return_path, *[_line(name, value) for name, value in own])


def _line(name: str, value: str) -> bytes:
    if name == DELIVERED_TO:
        return _with_address(value)
    return field_line(name, value)


def delivered_to(recipient: MailAddress) -> bytes:
    """The complete field, without its last line end."""
    return _with_address(str(recipient))


def _with_address(address: str) -> bytes:
    """An address is written as it is (RFC 6532 §3.2): it contains no encoded words (RFC 2047 §5)."""
    return f"{DELIVERED_TO}: {address}".encode()
