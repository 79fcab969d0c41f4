"""What senders asked to be told of their mail (RFC 3461), as it is kept on the mail.

Keys are recipients in small letters. `NOTIFY` is kept as the list that the client gave, in capitals; ENVID and ORCPT in the form
in which they came, so that they can be passed on as they are (RFC 3461 §5.2.1).
"""

from collections.abc import Iterable

from compostela.core.mail.attributes import (
    DSN_ENVELOPE_ID,
    DSN_NOTIFY,
    DSN_ORIGINAL_RECIPIENT,
    DSN_RETURN,
    AttributeValue,
)
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress

NEVER = "NEVER"
SUCCESS = "SUCCESS"
FAILURE = "FAILURE"
DELAY = "DELAY"
CONDITIONS = frozenset({NEVER, SUCCESS, FAILURE, DELAY})
HEADERS_ONLY = "HDRS"
FULL = "FULL"


def notify_of(mail: Mail, recipient: MailAddress) -> str | None:
    """NOTIFY of this recipient, None when it was not given."""
    return _text(mail.attributes.get(DSN_NOTIFY), recipient)


def original_recipient_of(mail: Mail, recipient: MailAddress) -> str | None:
    """ORCPT of this recipient: `type;address` with the address in xtext."""
    return _text(mail.attributes.get(DSN_ORIGINAL_RECIPIENT), recipient)


def envelope_id_of(mail: Mail) -> str | None:
    """ENVID in xtext."""
    value = mail.attributes.get(DSN_ENVELOPE_ID)
    return value if isinstance(value, str) else None


def return_of(mail: Mail) -> str | None:
    """RET: FULL or HDRS."""
    value = mail.attributes.get(DSN_RETURN)
    return value if value in (FULL, HEADERS_ONLY) and isinstance(value, str) else None


def is_asked(mail: Mail) -> bool:
    """Whether the sender has used any parameter of DSN: then he understands its reports, and is due them."""
    known = mail.attributes
    return any(name in known for name in (DSN_NOTIFY, DSN_ORIGINAL_RECIPIENT, DSN_RETURN, DSN_ENVELOPE_ID))


def wants(mail: Mail, recipient: MailAddress, condition: str, *, unless_told: bool) -> bool:
    """Whether the sender asked to be told of `condition`; `unless_told` is the answer if the mail has no NOTIFY for the recipient."""
    notify = notify_of(mail, recipient)
    return unless_told if notify is None else condition in notify.split(",")


def note(mail: Mail, name: str, values: dict[MailAddress, str]) -> None:
    """Keeps one of the two attributes of recipients."""
    if values:
        kept: dict[str, AttributeValue] = {str(who).lower(): value for who, value in values.items()}
        mail.attributes[name] = kept


def inherit(mail: Mail, old: MailAddress, new: Iterable[MailAddress]) -> None:
    """Recipients that take another's place are reported as he would have been (RFC 3461 §5.2.7.1)."""
    for name in (DSN_NOTIFY, DSN_ORIGINAL_RECIPIENT):
        known = mail.attributes.get(name)
        value = _text(known, old)
        if value is not None and isinstance(known, dict):
            # parts of a split share the old one
            mail.attributes[name] = {**{str(one).lower(): value for one in new}, **known}


def forget(mail: Mail, recipients: Iterable[MailAddress] | None = None) -> None:
    """Takes away what was asked: of these recipients, or of the whole mail."""
    if recipients is None:
        for name in (DSN_NOTIFY, DSN_ORIGINAL_RECIPIENT, DSN_RETURN, DSN_ENVELOPE_ID):
            mail.attributes.pop(name, None)
        return
    gone = {str(one).lower() for one in recipients}
    known = mail.attributes.get(DSN_NOTIFY)
    if isinstance(known, dict):
        mail.attributes[DSN_NOTIFY] = {who: value for who, value in known.items() if who not in gone}


def _text(values: AttributeValue, recipient: MailAddress) -> str | None:
    if not isinstance(values, dict):
        return None
    value = values.get(str(recipient).lower())
    return value if isinstance(value, str) else None
