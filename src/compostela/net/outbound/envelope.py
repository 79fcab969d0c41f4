"""MAIL and RCPT of a mail, with what it wishes for."""

from collections.abc import Iterable
from dataclasses import dataclass

from compostela.core.blob.model import MessageContent
from compostela.core.outbound.ports import Wishes
from compostela.model.mail_address import MailAddress
from compostela.protocols.smtp import client_commands
from compostela.protocols.smtp.capabilities import Capabilities


@dataclass(frozen=True, slots=True)
class Parcel:
    """A mail in the form that one connection needs, the same for all its recipients."""

    mail: str
    """The MAIL command."""
    header: bytes
    converted: bytes | None
    """The body when it is not the one of the content."""
    lines: bytes | None
    """A body that is small, with CRLF at each line's end, when it is the one of the content."""
    is_binary: bool


def needs_utf8(
    sender: MailAddress | None, recipients: Iterable[MailAddress], content: MessageContent, wishes: Wishes
) -> bool:
    """Whether only a next hop with SMTPUTF8 can take the mail (RFC 6531 §3.2): a domain outside of ASCII has A-labels, a local
    part has not. An undeclared header in UTF-8 is sent as it came."""
    addresses = [*recipients] if sender is None else [sender, *recipients]
    return any(not one.is_ascii for one in addresses) or (wishes.utf8 and not content.header.isascii())


def mail_line(
    sender: MailAddress | None, size: int, body: str, offered: Capabilities, wishes: Wishes, *, utf8: bool
) -> str:
    return client_commands.mail(
        sender,
        offered,
        size=size,
        body=body,
        smtputf8=utf8,
        require_tls=wishes.require_tls is True,
        priority=wishes.priority,
        returns=wishes.returns,
        envelope_id=wishes.envelope_id,
    )


def rcpt_line(recipient: MailAddress, offered: Capabilities, wishes: Wishes) -> str:
    return client_commands.rcpt(
        recipient, offered, notify=wishes.notify.get(recipient), original=wishes.original_recipients.get(recipient)
    )
