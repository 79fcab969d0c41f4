"""The mails that `vacation` and `notify` want to be sent. The caller sends them with the null sender (RFC 5230 §5.1, RFC 5436 §2.7)."""

import datetime as dt

from compostela.mime.builder import BuiltPart, HeaderList, singlepart, standard_headers, text_part
from compostela.mime.headers import header_end
from compostela.mime.lines import with_crlf
from compostela.sieve.actions import Notify, Vacation
from compostela.sieve.header_view import HeaderView
from compostela.sieve.mailto import parse_mailto

_IMPORTANCE = {1: ("1 (Highest)", "high"), 2: ("3 (Normal)", "normal"), 3: ("5 (Lowest)", "low")}


def vacation_message(action: Vacation, owner: str, now: dt.datetime) -> tuple[bytes, bytes]:
    """(header block, body) of the answer to `action.recipient`. `owner` is the address of the script's owner, the sender if the script
    names none (RFC 5230 §5)."""
    headers = [
        *_standard(action.from_ or owner, action.recipient, action.subject, owner, now),
        ("Auto-Submitted", "auto-replied"),
        *([("In-Reply-To", action.in_reply_to)] if action.in_reply_to else []),
        *([("References", action.references)] if action.references else []),
    ]
    return singlepart(headers, entity_of(action.reason) if action.is_mime else text_part(action.reason))


def notification_message(action: Notify, owner: str, subject: str, now: dt.datetime) -> tuple[bytes, bytes]:
    """(header block, body) of a notification by `mailto:`; `subject` is that of the mail that it tells of (RFC 5436 §2.7)."""
    method = parse_mailto(action.method)
    asked = {name.lower(): value for name, value in method.fields}
    title = action.message or asked.get("subject") or subject
    priority, importance = _IMPORTANCE[action.importance]
    headers = [
        *_standard(action.from_ or owner, ", ".join(method.to), title, owner, now),
        ("Auto-Submitted", f'auto-notified; owner-email="{owner}"'),
        ("X-Priority", priority),
        ("Importance", importance),
        *((name, value) for name, value in method.fields if name.lower() not in _OURS),
    ]
    return singlepart(headers, text_part(method.body or f"You have a new mail: {title}"))


_OURS = frozenset({"subject", "to", "x-priority", "importance", "auto-submitted"})


def entity_of(text: str) -> BuiltPart:
    """The part that a script writes as a MIME entity: its `Content-` fields, and what follows the empty line."""
    octets = with_crlf(text.encode("utf-8", "replace"))
    end = header_end(octets)
    given = HeaderView(octets[:end])
    headers = [
        (name.decode(), value)
        for name in given.names()
        if name.startswith(b"content-")
        for value in given.values((name,)).raw
    ]
    return BuiltPart(tuple(headers), octets[end:])


def _standard(sender: str, to: str, subject: str, owner: str, now: dt.datetime) -> HeaderList:
    return standard_headers(sender, to, subject, owner.rpartition("@")[2], now.timestamp())
