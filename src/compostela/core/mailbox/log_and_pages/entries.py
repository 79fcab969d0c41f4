"""Entries of the log, as readers apply them, and their before-images, as listeners read them.

One row of the log is one publish: a list of entries with consecutive ModSeqs, each for at most `MAX_MESSAGES_OF_A_MODSEQ`
messages. The octets of a row depend on nothing but the entries.
"""

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from compostela.core.mailbox.log import Change, LogEntry
from compostela.model.flags import NO_KEYWORDS, Flags, FlagsMode
from compostela.model.numbers import MessageId, ModSeq, Uid
from compostela.model.uid_set import UidSet

ID_BYTES = 16
"""Octets of a message id; its name is the same in hexadecimal digits."""
MODES = (FlagsMode.REPLACE, FlagsMode.ADD, FlagsMode.REMOVE)

PackedFlags = tuple[int, tuple[str, ...]]


class Facts(NamedTuple):
    """What does not change while a message is in a mailbox. `size` in octets, dates in epoch seconds."""

    size: int
    internal_date: int
    save_date: int
    message: bytes


class PackedMessages(msgspec.Struct, frozen=True, array_like=True):
    """Flags and facts of messages in UID order, each kind as one run of octets."""

    flags: tuple[PackedFlags, ...]
    """The distinct flags, in the order in which they first appear."""
    runs: tuple[int, ...]
    """Pairs: how many messages, the position of their flags in `flags`."""
    sizes: bytes
    internal_dates: bytes
    save_dates: bytes
    messages: bytes


class Added(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """Messages came; their UIDs follow each other."""

    modseq: int
    token: bytes
    first_uid: int
    messages: PackedMessages


class FlagsChanged(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """Flags of messages changed. `ranges` has those that changed and no others."""

    modseq: int
    token: bytes
    ranges: tuple[int, ...]
    mode: int
    flags: PackedFlags


class Expunged(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """Messages went."""

    modseq: int
    token: bytes
    ranges: tuple[int, ...]


Entry = Added | FlagsChanged | Expunged
Image = PackedMessages | None
"""The messages of an entry before it, None for those that came."""

_encoder = msgspec.msgpack.Encoder()
_entries = msgspec.msgpack.Decoder(tuple[Entry, ...])
_images = msgspec.msgpack.Decoder(tuple[Image, ...])


def encode_row(entries: Sequence[Entry]) -> bytes:
    return _encoder.encode(entries)


def decode_row(octets: bytes) -> tuple[Entry, ...]:
    return _entries.decode(octets)


def encode_images(images: Sequence[Image]) -> bytes | None:
    """None when no entry has one."""
    return _encoder.encode(images) if any(image is not None for image in images) else None


def decode_images(octets: bytes | None, count: int) -> tuple[Image, ...]:
    return (None,) * count if octets is None else _images.decode(octets)


def pack_ranges(uids: UidSet) -> tuple[int, ...]:
    """Pairs: the distance from the end of the range before, and the length."""
    packed: list[int] = []
    at = 0
    for first, last in uids.ranges:
        packed += (first - at, last - first)
        at = last
    return tuple(packed)


def unpack_ranges(packed: Sequence[int]) -> list[tuple[int, int]]:
    ranges = []
    at = 0
    for gap, length in zip(packed[::2], packed[1::2], strict=True):
        first = at + gap
        at = first + length
        ranges.append((first, at))
    return ranges


def pack_flags(flags: Flags) -> PackedFlags:
    return flags.system, tuple(sorted(flags.keywords))


@lru_cache(maxsize=4096)
def unpack_flags(packed: PackedFlags) -> Flags:
    """One object for each combination in use."""
    system, keywords = packed
    return Flags(system, frozenset(keywords) if keywords else NO_KEYWORDS)


def pack_messages(messages: Iterable[tuple[Flags, Facts]]) -> PackedMessages:
    flags: dict[Flags, int] = {}
    runs: list[int] = []
    last = -1
    sizes, internal, saved, ids = [], [], [], []
    for one, facts in messages:
        index = flags.setdefault(one, len(flags))
        if index == last:
            runs[-2] += 1
        else:
            runs += (1, index)
            last = index
        sizes.append(facts.size)
        internal.append(facts.internal_date)
        saved.append(facts.save_date)
        ids.append(facts.message)
    count = len(sizes)
    return PackedMessages(
        tuple(pack_flags(one) for one in flags),
        tuple(runs),
        struct.pack(f"<{count}I", *sizes),
        struct.pack(f"<{count}q", *internal),
        struct.pack(f"<{count}q", *saved),
        b"".join(ids),
    )


def unpack_messages(packed: PackedMessages) -> list[tuple[Flags, Facts]]:
    count = len(packed.sizes) // 4
    flags: list[Flags] = []
    for length, index in zip(packed.runs[::2], packed.runs[1::2], strict=True):
        flags += [unpack_flags(packed.flags[index])] * length
    ids = [packed.messages[at : at + ID_BYTES] for at in range(0, count * ID_BYTES, ID_BYTES)]
    facts = map(
        Facts,
        struct.unpack(f"<{count}I", packed.sizes),
        struct.unpack(f"<{count}q", packed.internal_dates),
        struct.unpack(f"<{count}q", packed.save_dates),
        ids,
    )
    return list(zip(flags, facts, strict=True))


def uids_of(entry: Entry) -> list[tuple[int, int]]:
    """The messages of an entry as inclusive ranges."""
    if isinstance(entry, Added):
        return [(entry.first_uid, entry.first_uid + len(entry.messages.sizes) // 4 - 1)]
    return unpack_ranges(entry.ranges)


def log_entries(entry: Entry, image: Image) -> list[LogEntry]:
    """What listeners are told of an entry."""
    packed = entry.messages if isinstance(entry, Added) else image
    if packed is None:
        raise ValueError("an entry without its before-image")
    modseq = ModSeq(entry.modseq)
    uids = (uid for first, last in uids_of(entry) for uid in range(first, last + 1))
    told = []
    for uid, (flags, facts) in zip(uids, unpack_messages(packed), strict=True):
        before: Flags | None = flags
        if isinstance(entry, Added):
            change, before = Change.ADDED, None
        elif isinstance(entry, FlagsChanged):
            change, flags = Change.FLAGS_UPDATED, MODES[entry.mode].apply(flags, unpack_flags(entry.flags))
        else:
            change = Change.EXPUNGED
        size, internal, saved, message = facts
        told.append(LogEntry(modseq, Uid(uid), change, flags, before, size, internal, saved, MessageId(message.hex())))
    return told
