"""Header blocks in UTF-8 (RFC 6532) for clients that take ASCII only: the simplified downgrade of RFC 6858.

The text of the message stays as it is. An address that is not ASCII becomes an empty group whose name shows it, so that no client can
reply to it by mistake; text becomes encoded words; a field of any other form, which could not be shown truly, is left out. What is not
UTF-8, such as a header in Latin-1, was never internationalised mail and stays as it is.
"""

from compostela.mime import addresses
from compostela.mime.encoded_words import encode
from compostela.mime.headers import Field, field_line, fields, unfold

_ADDRESSES = frozenset(
    f"{prefix}{name}".encode()
    for prefix in ("", "resent-")
    for name in ("from", "sender", "to", "cc", "bcc", "reply-to")
)  # fmt: skip
_TEXT = frozenset({b"subject", b"comments", b"content-description"})
_ATOMS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")
_LOCAL = _ATOMS | frozenset(b".")


def is_utf8(block: bytes) -> bool:
    """Return True if a header block has octets beyond ASCII, and all of it is UTF-8."""
    if block.isascii():
        return False
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def downgraded(block: bytes) -> bytes:
    """The header block in ASCII; the same object if nothing in it is internationalised."""
    if not is_utf8(block):
        return block
    out: list[bytes] = []
    at = 0
    for field in fields(block):
        out.append(_ascii(block[at : field.start]))
        out.append(_field(field, block[field.start : field.end]))
        at = field.end
    out.append(_ascii(block[at:]))
    return b"".join(out)


def _ascii(octets: bytes) -> bytes:
    """Octets that belong to no field."""
    return octets if octets.isascii() else octets.decode().encode("ascii", "replace")


def _field(field: Field, whole: bytes) -> bytes:
    """RFC 6858 §3."""
    if whole.isascii():
        return whole
    name = field.name.lower()
    if name in _TEXT:
        return field_line(field.name.decode(), unfold(field.value).decode()) + b"\r\n"
    if name in _ADDRESSES:
        shown = [one for one in _address_texts(addresses.parse(unfold(field.value))) if one]
        return field.name + b": " + ",\r\n ".join(shown).encode() + b"\r\n"
    return b""


def _address_texts(found: list[addresses.Address]) -> list[str]:
    """Each mailbox by itself: a group only names those in it."""
    return [_address(one) for one in found if one.is_mailbox]


def _address(one: addresses.Address) -> str:
    name, local, host = (_text(octets) for octets in (one.name, one.mailbox, one.host))
    if not (local.isascii() and host.isascii()):
        return f"{_phrase(f'{name} {local}@{host}')} :;"
    spec = f"{local if set(local.encode()) <= _LOCAL else _quoted(local)}@{host}"
    return f"{_phrase(name)} <{spec}>" if name else spec


def _text(octets: bytes | None) -> str:
    return (octets or b"").decode("utf-8", "replace")


def _phrase(text: str) -> str:
    """Words that are no atoms are encoded or quoted (RFC 5322 §3.2.5)."""
    words = encode(text.strip()).split()
    return " ".join(word if set(word.encode()) <= _ATOMS else _quoted(word) for word in words)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
