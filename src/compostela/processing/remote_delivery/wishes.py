"""What a mail asks of its next hop, read from its attributes."""

from compostela.core.mail import notification
from compostela.core.mail.attributes import (
    BINARY,
    DSN_ENVELOPE_ID,
    DSN_NOTIFY,
    DSN_ORIGINAL_RECIPIENT,
    DSN_RETURN,
    MAIL_PRIORITY,
    REQUIRE_TLS,
    SMTP_UTF8,
)
from compostela.core.mail.model import Mail
from compostela.core.outbound.ports import NO_WISHES, Wishes
from compostela.model.mail_address import MailAddress

_ASKED = frozenset({
    BINARY, DSN_ENVELOPE_ID, DSN_NOTIFY, DSN_ORIGINAL_RECIPIENT, DSN_RETURN, MAIL_PRIORITY, REQUIRE_TLS, SMTP_UTF8,
})  # fmt: skip

"""Every attribute that is read below: most mails have none of them, and share `NO_WISHES`."""


def wishes_of(mail: Mail) -> Wishes:
    known = mail.attributes
    if _ASKED.isdisjoint(known):
        return NO_WISHES
    require_tls, priority = known.get(REQUIRE_TLS), known.get(MAIL_PRIORITY)
    notify: dict[MailAddress, str] = {}
    original: dict[MailAddress, str] = {}
    if DSN_NOTIFY in known or DSN_ORIGINAL_RECIPIENT in known:
        for recipient in mail.recipients:
            if (value := notification.notify_of(mail, recipient)) is not None:
                notify[recipient] = value
            if (value := notification.original_recipient_of(mail, recipient)) is not None:
                original[recipient] = value
    return Wishes(
        utf8=bool(known.get(SMTP_UTF8)),
        binary=bool(known.get(BINARY)),
        require_tls=require_tls if isinstance(require_tls, bool) else None,
        priority=priority if isinstance(priority, int) else None,
        envelope_id=notification.envelope_id_of(mail),
        returns=notification.return_of(mail),
        notify=notify,
        original_recipients=original,
    )
