"""Address parts (RFC 5228 §2.7.4, RFC 5233) of header fields and of the envelope."""

from collections.abc import Callable

from compostela.mime import addresses
from compostela.mime.addresses import Address

SEPARATOR = "+"
"""Between user and detail (RFC 5233 §4)."""

AddressPart = Callable[[str, str], str | None]
"""From local part and domain; None if the address has no such part."""


def _whole(local: str, domain: str) -> str:
    return f"{local}@{domain}" if domain else local


def _local(local: str, _: str) -> str:
    return local


def _domain(_: str, domain: str) -> str:
    return domain


def _user(local: str, _: str) -> str:
    return local.partition(SEPARATOR)[0]


def _detail(local: str, _: str) -> str | None:
    _, separator, detail = local.partition(SEPARATOR)
    return detail if separator else None


PARTS: dict[str, AddressPart] = {
    "all": _whole, "localpart": _local, "domain": _domain, "user": _user, "detail": _detail,
}  # fmt: skip


def part_of(address: Address, part: AddressPart) -> str | None:
    local = (address.mailbox or b"").decode("utf-8", "replace")
    return part(local, (address.host or b"").decode("utf-8", "replace"))


def part_of_text(text: str, part: AddressPart) -> str | None:
    """Of an address of the envelope; the null sender is the empty string in all parts (RFC 5228 §5.4)."""
    if not text:
        return ""
    found = addresses.parse(text.encode())
    if len(found) != 1 or not found[0].is_mailbox:
        return part(text, "")
    return part_of(found[0], part)
