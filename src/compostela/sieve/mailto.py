"""The notification method `mailto:` (RFC 5436, RFC 6068)."""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from compostela.base.errors import InvalidArgument
from compostela.sieve.names import is_field_name, single_address

MAX_RECIPIENTS = 20
_FORBIDDEN = frozenset({
    "auto-submitted", "bcc", "content-transfer-encoding", "content-type", "date", "from", "message-id", "mime-version",
    "received", "return-path", "sender",
})  # fmt: skip
"""Fields that a URI must not set (RFC 5436 §2.3); such fields are dropped."""


@dataclass(frozen=True, slots=True)
class Mailto:
    """Recipients, header fields that the URI asks for beside To, and body."""

    to: tuple[str, ...]
    fields: tuple[tuple[str, str], ...] = ()
    body: str | None = None


def parse_mailto(uri: str) -> Mailto:
    """Raises `InvalidArgument` for what is no `mailto:` URI with at least one valid recipient."""
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme.lower() != "mailto":
        raise InvalidArgument(f"unknown notification method '{scheme[:40]}'")
    path, _, query = rest.partition("?")
    recipients = [_text(piece) for piece in path.split(",") if piece]
    fields: list[tuple[str, str]] = []
    body = None
    for pair in query.split("&") if query else []:
        name, equals, value = pair.partition("=")
        name, value = _text(name), " ".join(_text(value).split("\r\n"))
        if not equals or not is_field_name(name):
            raise InvalidArgument("a header field of a mailto URI must be name=value")
        if name.lower() == "to":
            recipients += [piece.strip() for piece in value.split(",") if piece.strip()]
        elif name.lower() == "body":
            body = _text(pair.partition("=")[2])
        elif name.lower() not in _FORBIDDEN and "\r" not in value and "\n" not in value:
            fields.append((name, value))
    addresses = [single_address(recipient) for recipient in recipients]
    if not addresses or None in addresses or len(addresses) > MAX_RECIPIENTS:
        raise InvalidArgument(f"a mailto URI needs 1 to {MAX_RECIPIENTS} valid recipients")
    return Mailto(tuple(address for address in addresses if address is not None), tuple(fields), body)


def _text(encoded: str) -> str:
    return unquote_to_bytes(encoded).decode("utf-8", "replace")
