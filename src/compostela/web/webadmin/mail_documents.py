"""A mail as the administration API shows it."""

from compostela.base.clock import as_datetime
from compostela.core.mail.model import Mail
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, unfold
from compostela.mime.parameters import get
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import decoded_text

ADDITIONAL_FIELDS = ("attributes", "headers", "textBody", "htmlBody", "messageSize", "perRecipientsHeaders")
MAX_SHOWN_BODY_BYTES = 1024 * 1024


async def mail_document(mail: Mail, additional: list[str]) -> dict[str, object]:
    """James's form; `additional` are names of `ADDITIONAL_FIELDS`."""
    document: dict[str, object] = {
        "name": mail.name,
        "sender": None if mail.sender is None else str(mail.sender),
        "recipients": [str(recipient) for recipient in mail.recipients],
        "state": mail.state,
        "error": mail.error_message,
        "remoteHost": mail.remote_host,
        "remoteAddr": mail.remote_address,
        "lastUpdated": as_datetime(mail.last_updated_at).isoformat().replace("+00:00", "Z"),
    }
    for name in additional:
        document[name] = await _additional(mail, name)
    return document


async def _additional(mail: Mail, name: str) -> object:
    if name == "attributes":
        return {key: str(value) for key, value in mail.attributes.items()}
    if name == "messageSize":
        return mail.size
    if name == "perRecipientsHeaders":
        return {
            str(recipient): {header: [value] for header, value in headers}
            for recipient, headers in mail.per_recipient_headers.items()
        }
    if name == "headers":
        return _headers(mail)
    return await _text(mail, b"html" if name == "htmlBody" else b"plain")


def _headers(mail: Mail) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field in Headers(mail.content.header):
        found.setdefault(field.name.decode("latin-1"), []).append(decode(unfold(field.value)))
    return found


async def _text(mail: Mail, subtype: bytes) -> str | None:
    """The first text part of this kind; None without one."""
    header = mail.content.header
    structure = await mail.content.body.apply(lambda octets: describe(header, octets))
    part = _find(structure.root, subtype)
    if part is None:
        return None
    octets = await mail.content.body.read(part.body[0], min(part.octets, MAX_SHOWN_BODY_BYTES))
    return decoded_text(octets, part.encoding, get(part.parameters, b"charset"))


def _find(part: Part, subtype: bytes) -> Part | None:
    if part.type == b"text" and part.subtype == subtype:
        return part
    return next((found for child in part.children if (found := _find(child, subtype)) is not None), None)
