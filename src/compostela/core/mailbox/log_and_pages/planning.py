"""What a publish writes: planned on a state, without reading. The pages of the messages that are named are loaded before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import msgspec

from compostela.base.errors import NotFound
from compostela.core.mailbox.log import MAX_MESSAGES_OF_A_MODSEQ
from compostela.core.mailbox.log_and_pages.entries import (
    MODES,
    Added,
    Entry,
    Expunged,
    Facts,
    FlagsChanged,
    Image,
    pack_flags,
    pack_messages,
    pack_ranges,
)
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.state import MailboxState, Row
from compostela.core.mailbox.model import FlagsResult, FlagsRow
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.numbers import ModSeq, Uid
from compostela.model.uid_set import UidSet

MAX_MESSAGES_OF_A_PUBLISH = 20_000
"""Larger calls go in steps: the octets of a publish are bounded by the engine."""
MAX_ROW_BYTES = 3 * 1024 * 1024
"""Entries and before-images of one publish. Cassandra answers a write of half a commit log segment with a time-out."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Addition:
    """Messages that one call adds."""

    token: bytes
    messages: Sequence[tuple[Flags, Facts]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The head after a publish, and what changed. Without entries only the head changes."""

    head: Head
    entries: tuple[Entry, ...] = ()
    images: tuple[Image, ...] = ()

    @property
    def row(self) -> Row | None:
        return Row(self.head.modseq, self.entries) if self.entries else None


@dataclass(frozen=True, slots=True)
class FlagsPlan:
    """`plan` is None when nothing changes; the result is the answer of the call."""

    result: FlagsResult
    plan: Plan | None


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """`messages` are the ids of the removed ones, in UID order."""

    uids: UidSet
    messages: list[bytes] = field(default_factory=list)
    plan: Plan | None = None


def plan_additions(head: Head, additions: Sequence[Addition]) -> tuple[Plan, list[tuple[int, int]]]:
    """Also the first UID and the first ModSeq of each addition. Raises `NotFound` for a mailbox that takes no more messages."""
    if head.is_closed:
        raise NotFound("the mailbox is gone")
    entries: list[Entry] = []
    answers = []
    for addition in additions:
        answers.append((head.uid_next, head.modseq + 1))
        for messages in steps(addition.messages):
            entries.append(Added(head.modseq + 1, addition.token, head.uid_next, pack_messages(messages)))
            head = head.counting(((flags, facts.size) for flags, facts in messages), 1)
            head = msgspec.structs.replace(
                head.with_keywords(flags for flags, _ in messages),
                uid_next=head.uid_next + len(messages),
                modseq=head.modseq + 1,
                recent=head.recent + len(messages),
            )
    return Plan(head, tuple(entries), (None,) * len(entries)), answers


def modseq_of(first: int, number: int) -> int:
    """The ModSeq of the message at position `number` (from 0) of an addition whose ModSeqs begin with `first`."""
    return first + number // MAX_MESSAGES_OF_A_MODSEQ


def plan_flags(
    state: MailboxState,
    token: bytes,
    uids: UidSet,
    mode: FlagsMode,
    given: Flags,
    unchanged_since: int | None = None,
) -> FlagsPlan:
    head = state.head
    updated: list[FlagsRow] = []
    before: list[ModSeq] = []
    modified: list[int] = []
    changed: list[tuple[int, int, Flags, Flags, Facts]] = []
    for page, uid, at in state.found(uids):
        row = page.flags_row(uid, at)
        if unchanged_since is not None and row.modseq > unchanged_since:
            modified.append(uid)
            continue
        before.append(row.modseq)
        wanted = mode.apply(row.flags, given)
        if wanted != row.flags:
            changed.append((len(updated), uid, row.flags, wanted, page.facts(at)))
        updated.append(row)
    entries: list[Entry] = []
    images: list[Image] = []
    for step in steps(changed):
        modseq = head.modseq + 1
        ranges, image = named([(uid, flags, facts) for _, uid, flags, _, facts in step])
        entries.append(FlagsChanged(modseq, token, ranges, MODES.index(mode), pack_flags(given)))
        images.append(image)
        head = head.counting(((flags, facts.size) for _, _, flags, _, facts in step), -1)
        head = head.counting(((wanted, facts.size) for _, _, _, wanted, facts in step), 1)
        head = head.with_keywords(wanted for _, _, _, wanted, _ in step)
        head = msgspec.structs.replace(head, modseq=modseq)
        for at, uid, _, wanted, _ in step:
            updated[at] = FlagsRow(Uid(uid), ModSeq(modseq), wanted)
    result = FlagsResult(updated, before, UidSet.of(modified))
    return FlagsPlan(result, Plan(head, tuple(entries), tuple(images)) if entries else None)


def plan_removal(
    state: MailboxState,
    token: bytes,
    uids: UidSet | None,
    *,
    deleted_only: bool,
    limit: int = MAX_MESSAGES_OF_A_PUBLISH,
) -> RemovalPlan:
    """At most `limit` messages, those with the lowest UIDs."""
    head = state.head
    if deleted_only and not head.deleted:
        return RemovalPlan(UidSet())
    rows = (
        (uid, page.flags[at], page.facts(at))
        for page, uid, at in state.found(uids)
        if not deleted_only or SystemFlag.DELETED in page.flags[at]
    )
    gone = list(islice(rows, limit))
    if not gone:
        return RemovalPlan(UidSet())
    entries: list[Entry] = []
    images: list[Image] = []
    for step in steps(gone):
        ranges, image = named(step)
        entries.append(Expunged(head.modseq + 1, token, ranges))
        images.append(image)
        head = head.counting(((flags, facts.size) for _, flags, facts in step), -1)
        recent = sum(uid >= head.first_recent for uid, _, _ in step) if head.recent else 0
        head = msgspec.structs.replace(head, modseq=head.modseq + 1, recent=head.recent - recent)
    return RemovalPlan(
        UidSet.of(uid for uid, _, _ in gone),
        [facts.message for _, _, facts in gone],
        Plan(head, tuple(entries), tuple(images)),
    )


def plan_recent(head: Head, token: bytes) -> Plan | None:
    """None when no message is recent. The answer is in the head, so that a lost answer is found there."""
    if head.first_recent == head.uid_next:
        return None
    taken = (token, head.first_recent)
    return Plan(msgspec.structs.replace(head, first_recent=head.uid_next, recent=0, taken=taken))


def named(messages: Sequence[tuple[int, Flags, Facts]]) -> tuple[tuple[int, ...], Image]:
    """What an entry says of messages, given by UID, flags and facts: their UIDs, and the image of what they were."""
    return pack_ranges(UidSet.of(uid for uid, _, _ in messages)), pack_messages(
        (flags, facts) for _, flags, facts in messages
    )


def steps(messages: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut so that each part may have one ModSeq."""
    for start in range(0, len(messages), MAX_MESSAGES_OF_A_MODSEQ):
        yield messages[start : start + MAX_MESSAGES_OF_A_MODSEQ]
