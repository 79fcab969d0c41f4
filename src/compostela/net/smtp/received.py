"""The Received header (RFC 5321 §4.4, RFC 3848)."""

from email.utils import formatdate
from functools import lru_cache

from compostela.core.smtp.session import SmtpSession


def received_line(session: SmtpSession, now: float) -> bytes:
    """The complete field, without its last line end."""
    helo = f" ({session.greeting_verb} {session.helo})" if session.helo else ""
    lines = [f"Received: from {session.remote_host}{helo} ([{session.remote_address}])"]
    if session.tls_protocol is not None:
        lines.append(f"(using {session.tls_protocol} with cipher {session.tls_cipher})")
    lines.append(f"by {session.hello_name} (Compostela) with {session.with_protocol} ID {session.id}")
    if len(session.recipients) == 1:
        lines.append(f"for <{session.recipients[0]}>")
    lines[-1] += ";"
    lines.append(_date(int(now)))
    return "\r\n          ".join(lines).encode("utf-8", "replace")


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """The mails of one second share it."""
    return formatdate(second)
