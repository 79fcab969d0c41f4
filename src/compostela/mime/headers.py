"""Header blocks as octets: reading fields, and editing that leaves all other octets as they were (RFC 5322 §2.2)."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from mmap import mmap
from typing import NamedTuple

from compostela.base.errors import InvalidArgument
from compostela.mime.encoded_words import encode

# anchored: a long line that is no field is looked at once, not once from each of its octets
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)", re.MULTILINE)
_STARTS_HEADER = re.compile(rb"[!-9;-~]{1,998}[ \t]*:|>?From |\r?\n")
_NAME = re.compile(r"[!-9;-~]+")
_BLANK_AT_START = re.compile(rb"\r?\n")
_BLANK = re.compile(rb"\n\r?\n")
_UNFOLD = re.compile(rb"\r?\n(?=[ \t])")
MAX_LINE = 78
_USUAL_BLOCK = 32 * 1024
"""A header block of at most so many octets is split into fields by one call: it cannot have very many."""


class Field(NamedTuple):
    """One header field: its name, its raw value after the colon (folded, without the last line end), and its octets."""

    name: bytes
    value: bytes
    start: int
    end: int


def starts_header(data: bytes | mmap, start: int, end: int) -> bool:
    """Whether the first line is a header field, an empty line, or the `From ` line of an mbox. If it is not, the message has no
    header: what is added before it must not run into it (RFC 5322 §3.5)."""
    return start == end or _STARTS_HEADER.match(data, start, end) is not None


def header_end(message: bytes | memoryview) -> int:
    """Where the header block ends: after the first empty line. Without such a line the block goes as far as lines look like
    header fields; a message that does not begin with one has no block."""
    data = bytes(message)
    if not starts_header(data, 0, len(data)):
        return 0
    # two expressions: one that may begin in two ways is tried at each octet
    blank = _BLANK_AT_START.match(data) or _BLANK.search(data)
    if blank is not None:
        return blank.end()
    position = 0
    for field in fields(data):
        if field.start != position:
            break
        position = field.end
    return position


def fields(block: bytes) -> Iterator[Field]:
    """The fields in order; lines that are no field are passed over."""
    for match in _FIELD.finditer(block):
        yield Field(match.group(1), match.group(2).removesuffix(b"\r"), match.start(), match.end())


def names_and_values(block: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """Name as it is spelt and raw value of the first `limit` fields in order, for a caller that needs no octet positions."""
    if len(block) <= _USUAL_BLOCK:
        return _FIELD.findall(block)[:limit]
    return [(match[1], match[2]) for match in islice(_FIELD.finditer(block), limit)]


def unfold(value: bytes) -> bytes:
    """A raw value on one line, without the white space around it."""
    if b"\n" in value:
        value = _UNFOLD.sub(b"", value)
    return value.strip()


def values(block: bytes, name: bytes) -> list[bytes]:
    """The unfolded values of all fields of this name, without looking at the others: for a block that is looked at once."""
    return [unfold(found.removesuffix(b"\r")) for found in _field_pattern(name.lower()).findall(block)]


@lru_cache(maxsize=256)
def _field_pattern(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"^%b[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)" % re.escape(name), re.IGNORECASE | re.MULTILINE)


class Headers:
    """A header block that is looked at by name, in any case."""

    __slots__ = ("_fields", "block")

    def __init__(self, block: bytes) -> None:
        self.block = block
        self._fields: list[tuple[bytes, Field]] = [(field.name.lower(), field) for field in fields(block)]

    def __iter__(self) -> Iterator[Field]:
        return (field for _, field in self._fields)

    def __contains__(self, name: bytes) -> bool:
        wanted = name.lower()
        return any(known == wanted for known, _ in self._fields)

    def get(self, name: bytes) -> bytes | None:
        """The unfolded value of the first field of this name."""
        wanted = name.lower()
        for known, field in self._fields:
            if known == wanted:
                return unfold(field.value)
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        wanted = name.lower()
        return [unfold(field.value) for known, field in self._fields if known == wanted]

    def count(self, name: bytes) -> int:
        wanted = name.lower()
        return sum(known == wanted for known, _ in self._fields)


def add_first(block: bytes, *lines: bytes) -> bytes:
    """Puts complete fields (without their last line end) on top."""
    return b"\r\n".join((*lines, block or b"\r\n"))


def add_last(block: bytes, *lines: bytes) -> bytes:
    """Puts complete fields below the others."""
    for ending in (b"\r\n\r\n", b"\n\n"):
        if block.endswith(ending):
            at = len(block) - len(ending) // 2
            return block[:at] + b"".join(line + b"\r\n" for line in lines) + block[at:]
    return add_first(block, *lines)


def remove(block: bytes, names: Iterable[bytes]) -> bytes:
    """Takes out all fields of these names."""
    lowered = block.lower()
    wanted = [name for name in map(bytes.lower, names) if name in lowered]
    if not wanted:
        return block
    return remove_where(block, lambda name: name.lower() in wanted)


def remove_where(block: bytes, chosen: Callable[[bytes], bool]) -> bytes:
    """Takes out the fields whose name is chosen; the same object when there is none."""
    out: list[bytes] = []
    last = 0
    for field in fields(block):
        if chosen(field.name):
            out.append(block[last : field.start])
            last = field.end
    if not last:
        return block
    out.append(block[last:])
    return b"".join(out)


def field_line(name: str, value: str) -> bytes:
    """A complete field, encoded (RFC 2047) and folded. Line ends inside the value become blanks."""
    value = " ".join(value.splitlines())
    text = f"{name}: {encode(value)}"
    return _fold(text).encode("ascii", "replace")


def _fold(text: str) -> str:
    if len(text) <= MAX_LINE:
        return text
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > MAX_LINE and line.rstrip(":") != line[:-1]:
            lines.append(line)
            line = " " + word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "\r\n".join(lines)


def is_field_name(text: str) -> bool:
    """Whether a text can be the name of a field (RFC 5322 §2.2)."""
    return _NAME.fullmatch(text) is not None


def parse_field_name(text: str) -> str:
    """The text. Raises `InvalidArgument` if it cannot be the name of a field."""
    if not is_field_name(text):
        raise InvalidArgument(f"{text!r} is not the name of a header field")
    return text
