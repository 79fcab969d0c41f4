"""The head of a mailbox: one cell, written by every publish."""

from collections.abc import Iterable

import msgspec

from compostela.core.mailbox.model import MailboxHead
from compostela.model.flags import Flags, SystemFlag
from compostela.model.numbers import ModSeq, Uid

FIRST_MODSEQ = 1
"""That of a mailbox without changes (RFC 7162 §3.1.2.1: it has one too)."""


class Head(msgspec.Struct, frozen=True, array_like=True):
    """Counters and marks. Sizes in octets.

    `projected`: the pages show every change up to this ModSeq. `floor`: rows of the log up to this one are gone. `kept_from`:
    listeners can read the changes after this one. `lowest_page`: no page below has a message. `taken`: the token and the
    answer of the last `take_recent`. `is_closed`: the mailbox was empty and is being deleted; no message comes any more.
    `rebuilding`: pages are being written anew at this ModSeq, 0 if none are; a projector ends that before it writes.
    `rebuilt`: that of the last rebuild; states from before it may have wrong pages."""

    user: str
    uid_next: int = 1
    modseq: int = FIRST_MODSEQ
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    size: int = 0
    deleted_size: int = 0
    first_recent: int = 1
    recent: int = 0
    keywords: tuple[str, ...] = ()
    projected: int = FIRST_MODSEQ
    floor: int = FIRST_MODSEQ
    kept_from: int = 0
    lowest_page: int = 0
    taken: tuple[bytes, int] | None = None
    is_closed: bool = False
    rebuilding: int = 0
    rebuilt: int = 0

    def outside(self) -> MailboxHead:
        """As the port shows it."""
        return MailboxHead(
            Uid(self.uid_next),
            ModSeq(self.modseq),
            self.messages,
            self.unseen,
            self.deleted,
            self.size,
            self.deleted_size,
            Uid(self.first_recent),
            self.recent,
            frozenset(self.keywords),
        )

    def counting(self, messages: Iterable[tuple[Flags, int]], sign: int) -> "Head":
        """With messages counted in (`sign` 1) or out (-1), given as flags and size."""
        count = unseen = deleted = octets = deleted_octets = 0
        for flags, size in messages:
            count += 1
            octets += size
            unseen += not flags.system & SystemFlag.SEEN
            if flags.system & SystemFlag.DELETED:
                deleted += 1
                deleted_octets += size
        return msgspec.structs.replace(
            self,
            messages=self.messages + sign * count,
            unseen=self.unseen + sign * unseen,
            deleted=self.deleted + sign * deleted,
            size=self.size + sign * octets,
            deleted_size=self.deleted_size + sign * deleted_octets,
        )

    def with_keywords(self, flags: Iterable[Flags]) -> "Head":
        used = {keyword for one in flags for keyword in one.keywords}
        if used.issubset(self.keywords):
            return self
        return msgspec.structs.replace(self, keywords=tuple(sorted(used.union(self.keywords))))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Head)


def encode_head(head: Head) -> bytes:
    return _encoder.encode(head)


def decode_head(octets: bytes) -> Head:
    return _decoder.decode(octets)
