"""MAIL and RCPT as the client says them: the parameters of extensions that the server offers."""

import re

from compostela.model.mail_address import MailAddress
from compostela.protocols.smtp.capabilities import Capabilities

_VALUE = re.compile(r"[!-~]+")


def mail(
    sender: MailAddress | None,
    offered: Capabilities,
    *,
    size: int,
    body: str = "",
    smtputf8: bool = False,
    require_tls: bool = False,
    priority: int | None = None,
    returns: str | None = None,
    envelope_id: str | None = None,
) -> str:
    """Return MAIL (RFC 5321 §4.1.1.2). The caller has checked that the server offers what `body` (RFC 6152, RFC 3030), `smtputf8`
    (RFC 6531) and `require_tls` (RFC 8689) ask for. SIZE (RFC 1870), MT-PRIORITY (RFC 6710), RET and ENVID (RFC 3461) are left
    out where the server does not offer them."""
    words = [f"MAIL FROM:<{sender or ''}>"]
    if body:
        words.append(f"BODY={body}")
    if "SIZE" in offered:
        words.append(f"SIZE={size}")
    if smtputf8:
        words.append("SMTPUTF8")
    if require_tls:
        words.append("REQUIRETLS")
    if priority is not None and "MT-PRIORITY" in offered:
        words.append(f"MT-PRIORITY={priority}")
    if "DSN" in offered:
        words += _parameter("RET", returns)
        words += _parameter("ENVID", envelope_id)
    return " ".join(words)


def rcpt(
    recipient: MailAddress, offered: Capabilities, *, notify: str | None = None, original: str | None = None
) -> str:
    """Return RCPT (RFC 5321 §4.1.1.3). NOTIFY and ORCPT (RFC 3461) are left out where the server does not offer them."""
    words = [f"RCPT TO:<{recipient}>"]
    if "DSN" in offered:
        words += _parameter("NOTIFY", notify)
        words += _parameter("ORCPT", original)
    return " ".join(words)


def _parameter(name: str, value: str | None) -> list[str]:
    """Nothing for a value that would break out of the line: attributes of a mail may come from anywhere."""
    return [f"{name}={value}"] if value is not None and _VALUE.fullmatch(value) else []
