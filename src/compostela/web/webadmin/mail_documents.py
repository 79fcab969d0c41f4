"""A mail as the administration API shows it."""

from compostela.base.clock import as_datetime
from compostela.core.mail.model import Mail

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
    return await _text(mail, "html" if name == "htmlBody" else "plain")
