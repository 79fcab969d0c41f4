"""The structure of a message, computed once: envelope fields and the tree of parts with octet offsets.

Offsets count from the start of the body (the octet after the header block). The stored form is versioned; a reader that finds
another version computes the structure again.
"""

from dataclasses import dataclass

import msgspec

from compostela.mime.addresses import Address
from compostela.mime.parameters import Parameters

VERSION = 2


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """Raw, unfolded values and parsed address lists; None where the field is missing (RFC 3501 §7.4.2)."""

    date: bytes | None = None
    subject: bytes | None = None
    from_: list[Address] | None = None
    sender: list[Address] | None = None
    reply_to: list[Address] | None = None
    to: list[Address] | None = None
    cc: list[Address] | None = None
    bcc: list[Address] | None = None
    in_reply_to: bytes | None = None
    message_id: bytes | None = None


class Part(msgspec.Struct, array_like=True, frozen=True):
    """One MIME entity. `header` and `body` are (start, end) offsets; the root's header is not in the body and has (0, 0).
    A message/rfc822 part has its message's envelope and, as only child, its message's root part."""

    type: bytes
    subtype: bytes
    parameters: Parameters
    encoding: bytes
    header: tuple[int, int]
    body: tuple[int, int]
    lines: int
    id: bytes | None = None
    description: bytes | None = None
    disposition: bytes | None = None
    disposition_parameters: Parameters = ()
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    md5: bytes | None = None
    children: tuple["Part", ...] = ()
    envelope: Envelope | None = None
    is_hidden_message: bool = False
    """A message part that is encoded or nested too deeply: it is shown as application/octet-stream."""

    @property
    def octets(self) -> int:
        return self.body[1] - self.body[0]

    @property
    def is_multipart(self) -> bool:
        return self.type == b"multipart" and bool(self.children)

    @property
    def is_message(self) -> bool:
        return self.envelope is not None


class Structure(msgspec.Struct, array_like=True, frozen=True):
    """A message: its envelope and its root part."""

    version: int
    envelope: Envelope
    root: Part

    def dumps(self) -> bytes:
        return _encode(self)

    @classmethod
    def loads(cls, data: bytes) -> "Structure | None":
        """None for another version, or for bytes that are no structure."""
        try:
            loaded = _decode(data)
        except msgspec.DecodeError:
            return None
        return loaded if loaded.version == VERSION else None

    def section(self, path: tuple[int, ...]) -> Part | None:
        """The part with this number (RFC 3501 §6.4.5), `()` for the root. Part 1 of a message that is not multipart is its
        only part; what follows counts within a multipart or within the message of a message part."""
        part = self.root
        inside: Part | None = part
        for number in path:
            if inside is None:
                return None
            if inside.is_multipart:
                if not 1 <= number <= len(inside.children):
                    return None
                part = inside.children[number - 1]
            elif number == 1:
                part = inside
            else:
                return None
            if part.is_multipart:
                inside = part
            else:
                inside = part.children[0] if part.is_message else None
        return part


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Structure).decode


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hostile message may cost: parts below the depth and beyond the count are leaves."""

    depth: int = 50
    parts: int = 10_000
    header_fields: int = 2_000


DEFAULT_LIMITS = Limits()
