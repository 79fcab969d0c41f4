"""The Received header (RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3)."""

import re
from email.utils import formatdate
from functools import lru_cache

from compostela.core.smtp_hooks.session import PRIORITY, SmtpSession

_OF_COMMENTS = re.compile(r"[()\\]")


def received_line(session: SmtpSession, now: float) -> bytes:
    """The complete field, without its last line end."""
    client = _client(
        session.remote_host, session.remote_address, session.greeting_verb, session.helo or "", session.is_utf8
    )
    lines = [f"Received: from {client}"]
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


@lru_cache(maxsize=256)
def _client(host: str, address: str, verb: str, name: str, is_utf8: bool) -> str:
    """The mails of one connection share it."""
    if not is_utf8:
        name = name.encode("ascii", "replace").decode()
    name = _OF_COMMENTS.sub(r"\\\g<0>", name)
    helo = f" ({verb} {name})" if name else ""
    literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    # an IPv6 address is no domain: it is written as a literal in place of one (RFC 5321 §4.1.3)
    return f"{literal if ':' in host else host}{helo} ({literal})"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """The mails of one second share it."""
    return formatdate(second).removesuffix("-0000") + "+0000 (UTC)"
