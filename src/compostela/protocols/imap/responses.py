"""Responses of the IMAP server as octets (RFC 3501 §7)."""

import re
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache

from compostela.mime.addresses import Address
from compostela.mime.parameters import Parameters
from compostela.mime.structure import Envelope, Part
from compostela.model.flags import Flags, SystemFlag
from compostela.protocols.imap import utf7
from compostela.protocols.imap.number_texts import number_texts

NIL = b"NIL"
CONTINUE = b"+ Ok\r\n"
_UNSAFE = re.compile(rb'[\x00-\x1f\x7f-\xff"\\]')
_ATOM = re.compile(r"[A-Za-z0-9!#$&'+,./:;<=>?@^_`|}~\[\]-]+")
_FLAG_NAMES = (
    (SystemFlag.ANSWERED, b"\\Answered"),
    (SystemFlag.FLAGGED, b"\\Flagged"),
    (SystemFlag.DELETED, b"\\Deleted"),
    (SystemFlag.SEEN, b"\\Seen"),
    (SystemFlag.DRAFT, b"\\Draft"),
)
SYSTEM_FLAGS = b"\\Answered \\Deleted \\Draft \\Flagged \\Seen"


def tagged(tag: bytes, status: str, text: str, code: str = "") -> bytes:
    """`tag OK [code] text`."""
    return tag + f" {status} {f'[{code}] ' if code else ''}{text}\r\n".encode("utf-8", "replace")


def completed(tag: bytes, name: str, code: str = "") -> bytes:
    """The end of the command of this name, which succeeded."""
    return tagged(tag, "OK", f"{name} completed.", code) if code else tag + _completed(name)


@lru_cache(maxsize=64)
def _completed(name: str) -> bytes:
    return tagged(b"", "OK", f"{name} completed.")


def untagged(text: str) -> bytes:
    return f"* {text}\r\n".encode("utf-8", "replace")


def string(value: bytes | None) -> bytes:
    """NIL, quoted, or a literal when it must be."""
    if value is None:
        return NIL
    if len(value) < 1000 and not _UNSAFE.search(value):
        return b'"' + value + b'"'
    if b"\x00" in value:
        value = value.replace(b"\x00", b"")
    if len(value) < 1000 and value.isascii() and b"\r" not in value and b"\n" not in value:
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%s" % (len(value), value)


def mailbox_name(name: str) -> bytes:
    """As an atom where that is possible, else quoted."""
    if _ATOM.fullmatch(name) and "&" not in name:
        return name.encode()
    return string(utf7.encode(name))


@lru_cache(maxsize=4096)
def flags_text(flags: Flags, recent: bool = False) -> bytes:
    """Without the parentheses."""
    names = [name for flag, name in _FLAG_NAMES if flags.system & flag]
    if recent:
        names.append(b"\\Recent")
    names += sorted(keyword.encode() for keyword in flags.keywords)
    return b" ".join(names)


@lru_cache(maxsize=4096)
def internal_date(epoch_seconds: int) -> bytes:
    """In UTC, quoted."""
    moment = time.gmtime(epoch_seconds)
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.tm_mon - 1]
    return (
        f'"{moment.tm_mday:2d}-{month}-{moment.tm_year:04d} '
        f'{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"'
    ).encode()


def list_line(kind: str, attributes: Iterable[str], name: str, *, has_subscribed: bool = False) -> bytes:
    """`has_subscribed`: with RECURSIVEMATCH, below the name are subscribed ones (RFC 5258 §3.5)."""
    extended = b' ("CHILDINFO" ("SUBSCRIBED"))' if has_subscribed else b""
    return b'* %s (%s) "." %s%s\r\n' % (kind.encode(), " ".join(attributes).encode(), mailbox_name(name), extended)


def search_line(numbers: Sequence[int], modseq: int | None = None) -> bytes:
    """`numbers` in ascending order."""
    text = " ".join(number_texts(numbers))
    suffix = f" (MODSEQ {modseq})" if modseq is not None and text else ""
    return f"* SEARCH{' ' if text else ''}{text}{suffix}\r\n".encode()


def envelope(value: Envelope) -> bytes:
    """RFC 3501 §7.4.2."""
    return b"(%s)" % b" ".join((
        string(value.date),
        string(value.subject),
        _addresses(value.from_),
        _addresses(value.sender),
        _addresses(value.reply_to),
        _addresses(value.to),
        _addresses(value.cc),
        _addresses(value.bcc),
        string(value.in_reply_to),
        string(value.message_id),
    ))  # fmt: skip


def _addresses(values: list[Address] | None) -> bytes:
    if not values:
        return NIL
    return b"(%s)" % b"".join(
        b"(%s %s %s %s)" % (string(one.name), string(one.route), string(one.mailbox), string(one.host))
        for one in values
    )


def body_structure(part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE, or BODY without the extension data."""
    if part.is_multipart:
        inside = b"".join(body_structure(child, extended=extended) for child in part.children)
        text = b"%s %s" % (inside, string(part.subtype))
        if extended:
            text += b" %s %s" % (_parameters(part.parameters), _extension(part))
        return b"(%s)" % text
    text = b"%s %s %s %s %s %s %d" % (
        string(part.type),
        string(part.subtype),
        _parameters(part.parameters),
        string(part.id),
        string(part.description),
        string(part.encoding),
        part.octets,
    )
    if part.envelope is not None:
        text += b" %s %s %d" % (
            envelope(part.envelope),
            body_structure(part.children[0], extended=extended),
            part.lines,
        )
    elif part.type == b"text":
        text += b" %d" % part.lines
    if extended:
        text += b" %s %s" % (string(part.md5), _extension(part))
    return b"(%s)" % text


def _extension(part: Part) -> bytes:
    if part.disposition is None:
        disposition = NIL
    else:
        disposition = b"(%s %s)" % (string(part.disposition), _parameters(part.disposition_parameters))
    language = b"(%s)" % b" ".join(map(string, part.language)) if part.language else NIL
    return b"%s %s %s" % (disposition, language, string(part.location))


def _parameters(values: Parameters) -> bytes:
    if not values:
        return NIL
    return b"(%s)" % b" ".join(b"%s %s" % (string(name), string(value)) for name, value in values)
