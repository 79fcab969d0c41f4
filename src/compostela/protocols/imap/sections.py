"""Which octets of a message a section is (RFC 3501 §6.4.5)."""

from dataclasses import dataclass

from compostela.mime.headers import fields
from compostela.mime.structure import Part, Structure
from compostela.protocols.imap.commands import BodySection


@dataclass(frozen=True, slots=True)
class Slice:
    """Octets: some at hand, then a range of the message's body."""

    head: bytes = b""
    start: int = 0
    end: int = 0

    @property
    def size(self) -> int:
        return len(self.head) + self.end - self.start

    def partial(self, origin: int, length: int) -> "Slice":
        """A part of it, cut to what there is."""
        head = self.head[origin : origin + length]
        skipped = max(0, origin - len(self.head))
        left = length - len(head)
        start = min(self.start + skipped, self.end)
        return Slice(head, start, min(start + left, self.end))


@dataclass(frozen=True, slots=True)
class HeaderOf:
    """A header block inside the body, of which only some fields are wanted: the host reads it and calls `select_fields`."""

    start: int
    end: int


def locate(section: BodySection, structure: Structure, header: bytes, body_size: int) -> Slice | HeaderOf | None:
    """None for a part that does not exist."""
    if not section.path:
        return _whole(section, header, body_size)
    part = structure.section(section.path)
    if part is None:
        return None
    if section.kind == "":
        return Slice(b"", *part.body)
    if section.kind == "MIME":
        # the only part of a simple message has the message's header
        return Slice(header) if part.header == (0, 0) else Slice(b"", *part.header)
    return _inner(section, part)


def _whole(section: BodySection, header: bytes, body_size: int) -> Slice:
    match section.kind:
        case "":
            return Slice(header, 0, body_size)
        case "TEXT":
            return Slice(b"", 0, body_size)
        case "HEADER":
            return Slice(header)
        case _:
            return Slice(select_fields(section, header))


def _inner(section: BodySection, part: Part) -> Slice | HeaderOf | None:
    """HEADER and TEXT of a message inside the message."""
    if not part.is_message:
        return None
    inner = part.children[0]
    match section.kind:
        case "TEXT":
            return Slice(b"", *inner.body)
        case "HEADER":
            return Slice(b"", *inner.header)
        case _:
            return HeaderOf(*inner.header)


def select_fields(section: BodySection, header: bytes) -> bytes:
    """HEADER.FIELDS and HEADER.FIELDS.NOT: fields in the order of the message, and the empty line."""
    wanted = {name.lower() for name in section.names}
    excluded = section.kind.endswith(".NOT")
    chosen = [
        header[field.start : field.end] for field in fields(header) if (field.name.lower() in wanted) is not excluded
    ]
    return b"".join(chosen) + b"\r\n"
