"""The Received header (RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3)."""

from email.utils import formatdate
from functools import lru_cache

from compostela.core.smtp.session import PRIORITY, SmtpSession


def received_line(session: SmtpSession, now: float) -> bytes:
    """The complete field, without its last line end."""
    name = session.helo or ""
    if not session.is_utf8:
        name = name.encode("ascii", "replace").decode()
    helo = f" ({session.greeting_verb} {name})" if name else ""
    lines = [f"Received: from {session.remote_host}{helo} ([{session.remote_address}])"]
    if session.tls_protocol is not None:
        lines.append(f"(using {session.tls_protocol} with cipher {session.tls_cipher})")
    lines.append(f"by {session.hello_name} (Compostela) with {session.with_protocol} ID {session.id}")
    if len(session.recipients) == 1:
        lines.append(f"for <{session.recipients[0]}>")
    priority = session.attributes.get(PRIORITY)
    if isinstance(priority, int):
        # RFC 6710 §3
        lines.append(f"(PRIORITY {priority})")
    lines[-1] += ";"
    lines.append(_date(int(now)))
    return "\r\n          ".join(lines).encode("utf-8", "replace")


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """The mails of one second share it."""
    return formatdate(second)
