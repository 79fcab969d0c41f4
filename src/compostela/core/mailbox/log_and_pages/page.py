"""A page: 512 consecutive UIDs of a mailbox, as cells in the store and as arrays in memory.

The octets of the cells depend on nothing but the messages, so two projectors write the same ones at the same version.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import msgspec

from compostela.core.mailbox.log_and_pages.entries import (
    ID_BYTES,
    MODES,
    Added,
    Entry,
    Expunged,
    Facts,
    PackedFlags,
    pack_flags,
    uids_of,
    unpack_flags,
    unpack_messages,
)
from compostela.core.mailbox.model import FlagsRow, MessageRow
from compostela.model.flags import Flags
from compostela.model.numbers import MessageId, ModSeq, Uid

PAGE_BITS = 9
PAGE_UIDS = 1 << PAGE_BITS
BUCKET_BITS = 16
"""A partition of the store has the pages of so many UIDs."""
BITMAP_BYTES = PAGE_UIDS // 8


def page_of(uid: int) -> int:
    return uid >> PAGE_BITS


def bucket_of(page: int) -> int:
    return page >> (BUCKET_BITS - PAGE_BITS)


class Level(IntEnum):
    """How much of a page is in memory."""

    UIDS = 1
    FLAGS = 2
    FACTS = 3


@dataclass(frozen=True, slots=True)
class Cells:
    """A page as it is stored. `version` is the ModSeq of its last change. The mutable cells (`version`, `uids`, `flags`) are
    always written together; `facts` begins with a bitmap of its own. None for cells that were not asked for."""

    version: int
    uids: bytes
    flags: bytes | None = None
    facts: bytes | None = None


class MixedCells(Exception):
    """The cells were read while another version was being written. Reading them again helps."""


class _StoredFlags(msgspec.Struct, frozen=True, array_like=True):
    """The distinct flags in the order of their first message; ModSeqs and positions of flags, message by message."""

    flags: tuple[PackedFlags, ...]
    modseqs: bytes
    indices: bytes


_encoder = msgspec.msgpack.Encoder()
_flags_decoder = msgspec.msgpack.Decoder(_StoredFlags)


class Page:
    """The messages of a page, in UID order. Lists of parts that are not in memory are empty."""

    __slots__ = (
        "bitmap",
        "flags",
        "ids",
        "internal_dates",
        "level",
        "modseqs",
        "number",
        "save_dates",
        "sizes",
        "version",
    )

    def __init__(self, number: int, level: Level = Level.FACTS) -> None:
        """An empty page."""
        self.number = number
        self.level = level
        self.version = 0
        self.bitmap = 0
        self.modseqs = array("Q")
        self.flags: list[Flags] = []
        self.sizes = array("I")
        self.internal_dates = array("q")
        self.save_dates = array("q")
        self.ids: list[bytes] = []

    @property
    def first_uid(self) -> int:
        return self.number << PAGE_BITS

    def __len__(self) -> int:
        return self.bitmap.bit_count()

    # from and to the store

    @classmethod
    def decoded(cls, number: int, cells: Cells, level: Level) -> "Page":
        """Raises `MixedCells`."""
        page = cls(number, level)
        page.version = cells.version
        page.bitmap = int.from_bytes(cells.uids, "little")
        if level >= Level.FLAGS:
            page._decode_flags(cells.flags)
        if level >= Level.FACTS:
            page._decode_facts(cells.facts)
        return page

    @classmethod
    def of(cls, number: int, version: int, rows: Iterable[MessageRow]) -> "Page":
        """With these messages, in UID order."""
        page = cls(number)
        page.version = version
        for row in rows:
            page.bitmap |= 1 << (row.uid - page.first_uid)
            page.modseqs.append(row.modseq)
            page.flags.append(row.flags)
            page.sizes.append(row.size)
            page.internal_dates.append(row.internal_date)
            page.save_dates.append(row.save_date)
            page.ids.append(bytes.fromhex(row.message_id))
        return page

    def _decode_flags(self, cell: bytes | None) -> None:
        count = len(self)
        if cell is None:
            if count:
                raise MixedCells
            return
        stored = _flags_decoder.decode(cell)
        if len(stored.indices) != 2 * count:
            raise MixedCells
        self.modseqs = array("Q", struct.unpack(f"<{count}Q", stored.modseqs))
        flags = [unpack_flags(one) for one in stored.flags]
        self.flags = [flags[index] for index in struct.unpack(f"<{count}H", stored.indices)]

    def _decode_facts(self, cell: bytes | None) -> None:
        """Joins the facts by UID: they may be of an older version, with messages that are gone."""
        if cell is None:
            if self.bitmap:
                raise MixedCells
            return
        bitmap = int.from_bytes(cell[:BITMAP_BYTES], "little")
        if self.bitmap & ~bitmap:
            raise MixedCells
        count = bitmap.bit_count()
        if len(cell) != BITMAP_BYTES + count * (20 + ID_BYTES):
            raise MixedCells
        sizes = struct.unpack_from(f"<{count}I", cell, BITMAP_BYTES)
        internal = struct.unpack_from(f"<{count}q", cell, BITMAP_BYTES + 4 * count)
        saved = struct.unpack_from(f"<{count}q", cell, BITMAP_BYTES + 12 * count)
        start = BITMAP_BYTES + 20 * count
        ids = [cell[at : at + ID_BYTES] for at in range(start, len(cell), ID_BYTES)]
        if bitmap != self.bitmap:
            kept = [at for at, offset in enumerate(_bits(bitmap)) if self.bitmap >> offset & 1]
            sizes = tuple(sizes[at] for at in kept)
            internal = tuple(internal[at] for at in kept)
            saved = tuple(saved[at] for at in kept)
            ids = [ids[at] for at in kept]
        self.sizes, self.internal_dates, self.save_dates = array("I", sizes), array("q", internal), array("q", saved)
        self.ids = ids

    def cells(self, *, with_facts: bool) -> Cells:
        count = len(self)
        table: dict[Flags, int] = {}
        indices = [table.setdefault(one, len(table)) for one in self.flags]
        flags = _StoredFlags(
            tuple(pack_flags(one) for one in table),
            struct.pack(f"<{count}Q", *self.modseqs),
            struct.pack(f"<{count}H", *indices),
        )
        uids = self.bitmap.to_bytes(BITMAP_BYTES, "little")
        facts = None
        if with_facts:
            facts = b"".join(
                (
                    uids,
                    struct.pack(f"<{count}I", *self.sizes),
                    struct.pack(f"<{count}q", *self.internal_dates),
                    struct.pack(f"<{count}q", *self.save_dates),
                    *self.ids,
                )
            )
        return Cells(self.version, uids, _encoder.encode(flags), facts)

    # changes

    def apply(self, entry: Entry) -> None:
        """Bring the page up to an entry; one that it has seen changes nothing."""
        if entry.modseq <= self.version:
            return
        is_touched = False
        if isinstance(entry, Added):
            is_touched = self._add(entry)
        else:
            for first, last in uids_of(entry):
                here = self.bitmap & _mask(first - self.first_uid, last - self.first_uid)
                if not here:
                    continue
                is_touched = True
                if isinstance(entry, Expunged):
                    self._remove(here)
                elif self.level >= Level.FLAGS:
                    mode, given = MODES[entry.mode], unpack_flags(entry.flags)
                    for at in self._positions(here):
                        self.flags[at] = mode.apply(self.flags[at], given)
                        self.modseqs[at] = entry.modseq
        if is_touched:
            self.version = entry.modseq

    def _add(self, entry: Added) -> bool:
        ((first, last),) = uids_of(entry)
        here = _mask(first - self.first_uid, last - self.first_uid)
        if not here:
            return False
        self.bitmap |= here
        if self.level < Level.FLAGS:
            return True
        start = max(self.first_uid - first, 0)
        for flags, facts in unpack_messages(entry.messages)[start : start + here.bit_count()]:
            self.flags.append(flags)
            self.modseqs.append(entry.modseq)
            if self.level >= Level.FACTS:
                self.sizes.append(facts.size)
                self.internal_dates.append(facts.internal_date)
                self.save_dates.append(facts.save_date)
                self.ids.append(facts.message)
        return True

    def _remove(self, gone: int) -> None:
        kept = list(self._positions(self.bitmap & ~gone))
        self.bitmap &= ~gone
        if self.level >= Level.FLAGS:
            self.flags = [self.flags[at] for at in kept]
            self.modseqs = array("Q", (self.modseqs[at] for at in kept))
        if self.level >= Level.FACTS:
            self.sizes = array("I", (self.sizes[at] for at in kept))
            self.internal_dates = array("q", (self.internal_dates[at] for at in kept))
            self.save_dates = array("q", (self.save_dates[at] for at in kept))
            self.ids = [self.ids[at] for at in kept]

    # reading

    def _positions(self, bitmap: int) -> Iterator[int]:
        """Positions in the arrays of messages that are there."""
        if bitmap == self.bitmap:
            yield from range(len(self))
            return
        for offset in _bits(bitmap):
            yield (self.bitmap & ((1 << offset) - 1)).bit_count()

    def among(self, first: int, last: int) -> list[tuple[int, int]]:
        """(UID, position) of the messages in an inclusive range."""
        here = self.bitmap & _mask(first - self.first_uid, last - self.first_uid)
        return list(zip((self.first_uid + offset for offset in _bits(here)), self._positions(here), strict=True))

    def facts(self, at: int) -> Facts:
        return Facts(self.sizes[at], self.internal_dates[at], self.save_dates[at], self.ids[at])

    def flags_row(self, uid: int, at: int) -> FlagsRow:
        return FlagsRow(Uid(uid), ModSeq(self.modseqs[at]), self.flags[at])

    def row(self, uid: int, at: int) -> MessageRow:
        return MessageRow(
            Uid(uid),
            ModSeq(self.modseqs[at]),
            self.flags[at],
            self.sizes[at],
            self.internal_dates[at],
            self.save_dates[at],
            MessageId(self.ids[at].hex()),
        )

    def ranges(self) -> list[tuple[int, int]]:
        """UIDs as inclusive ranges."""
        ranges = []
        bitmap, offset = self.bitmap, self.first_uid
        while bitmap:
            gap = (bitmap & -bitmap).bit_length() - 1
            bitmap >>= gap
            length = (~bitmap & (bitmap + 1)).bit_length() - 1
            ranges.append((offset + gap, offset + gap + length - 1))
            bitmap >>= length
            offset += gap + length
        return ranges


def _mask(first: int, last: int) -> int:
    """The bits of inclusive offsets, cut to a page."""
    first, last = max(first, 0), min(last, PAGE_UIDS - 1)
    return ((1 << (last - first + 1)) - 1) << first if first <= last else 0


def _bits(bitmap: int) -> Iterator[int]:
    while bitmap:
        lowest = bitmap & -bitmap
        yield lowest.bit_length() - 1
        bitmap ^= lowest
