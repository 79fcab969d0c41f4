"""Mails that the server makes itself: reports, answers, welcome and check mails."""

from compostela.core.blob.model import MessageContent
from compostela.core.mail.attributes import SENT_BY_MAILET
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress


def own_mail(
    name: str, sender: MailAddress | None, recipients: list[MailAddress], content: MessageContent, now: float
) -> Mail:
    """A new mail for the spool, marked as sent by the server. `now` in epoch seconds."""
    return Mail(
        name=name,
        sender=sender,
        recipients=recipients,
        content=content,
        arrived_at=now,
        last_updated_at=now,
        attributes={SENT_BY_MAILET: True},
    )
