"""MAIL and RCPT as the client says them, with the parameters that the mail asks for and the next hop offers."""

from collections.abc import Iterable, Mapping

from compostela.core.blob.model import MessageContent
from compostela.core.outbound.ports import Wishes
from compostela.model.mail_address import MailAddress


def needs_utf8(
    sender: MailAddress | None, recipients: Iterable[MailAddress], content: MessageContent, wishes: Wishes
) -> bool:
    """Whether only a next hop with SMTPUTF8 can take the mail (RFC 6531 §3.2): a domain outside of ASCII has A-labels, a local
    part has not. A header in UTF-8 that nobody declared goes as it came."""
    addresses = [*recipients] if sender is None else [sender, *recipients]
    return any(not one.is_ascii for one in addresses) or (wishes.utf8 and not content.header.isascii())


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
        if wishes.returns is not None:
            words.append(f"RET={wishes.returns}")
        if wishes.envelope_id is not None:
            words.append(f"ENVID={wishes.envelope_id}")
    return " ".join(words)


def rcpt_line(recipient: MailAddress, features: Mapping[str, str], wishes: Wishes) -> str:
    words = [f"RCPT TO:<{recipient}>"]
    if "DSN" in features:
        notify = wishes.notify.get(recipient)
        if notify is not None:
            words.append(f"NOTIFY={notify}")
        original = wishes.original_recipients.get(recipient)
        if original is not None:
            words.append(f"ORCPT={original}")
    return " ".join(words)
