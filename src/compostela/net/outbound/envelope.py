"""MAIL and RCPT as the client says them, with the parameters that the mail asks for and the next hop offers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compostela.core.blob.model import MessageContent
from compostela.core.outbound.ports import Wishes
from compostela.model.mail_address import MailAddress

_LIMIT = re.compile(r"[1-9][0-9]{0,5}")
_SIZE = re.compile(r"[0-9]{1,20}")
_VALUE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A mail in the form that one connection needs, the same for all its recipients."""

    mail: str
    """The MAIL command."""
    header: bytes
    converted: bytes | None
    """The body when it is not the one of the content."""
    is_binary: bool


def needs_utf8(
    sender: MailAddress | None, recipients: Iterable[MailAddress], content: MessageContent, wishes: Wishes
) -> bool:
    """Whether only a next hop with SMTPUTF8 can take the mail (RFC 6531 §3.2): a domain outside of ASCII has A-labels, a local
    part has not. An undeclared header in UTF-8 is sent as it came."""
    addresses = [*recipients] if sender is None else [sender, *recipients]
    return any(not one.is_ascii for one in addresses) or (wishes.utf8 and not content.header.isascii())


def limit_of(features: Mapping[str, str], name: str) -> int:
    """A limit that the peer has declared (RFC 9422 §3), 0 when there is none."""
    found = [
        value
        for limit, _, value in (word.partition("=") for word in features.get("LIMITS", "").split())
        if limit == name
    ]
    return int(found[0]) if found and _LIMIT.fullmatch(found[0]) else 0


def size_limit(features: Mapping[str, str]) -> int | None:
    """The largest message in octets that the peer takes (RFC 1870 §4), None when it does not tell."""
    value = features.get("SIZE", "").strip()
    return int(value) or None if _SIZE.fullmatch(value) else None


def mail_line(
    sender: MailAddress | None, size: int, body: str, features: Mapping[str, str], wishes: Wishes, *, utf8: bool
) -> str:
    words = [f"MAIL FROM:<{sender or ''}>"]
    if body:
        words.append(f"BODY={body}")
    if "SIZE" in features:
        words.append(f"SIZE={size}")
    if utf8:
        words.append("SMTPUTF8")
    if wishes.require_tls:
        words.append("REQUIRETLS")
    if wishes.priority is not None and "MT-PRIORITY" in features:
        words.append(f"MT-PRIORITY={wishes.priority}")
    if "DSN" in features:
        words += _parameter("RET", wishes.returns)
        words += _parameter("ENVID", wishes.envelope_id)
    return " ".join(words)


def rcpt_line(recipient: MailAddress, features: Mapping[str, str], wishes: Wishes) -> str:
    words = [f"RCPT TO:<{recipient}>"]
    if "DSN" in features:
        words += _parameter("NOTIFY", wishes.notify.get(recipient))
        words += _parameter("ORCPT", wishes.original_recipients.get(recipient))
    return " ".join(words)


def _parameter(name: str, value: str | None) -> list[str]:
    """Nothing for a value that would break out of the line: attributes of a mail may come from anywhere."""
    return [f"{name}={value}"] if value is not None and _VALUE.fullmatch(value) else []
