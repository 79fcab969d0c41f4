"""What the contracts of the mailbox store are written with."""

from collections.abc import Sequence

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mailbox.log import Change, LogEntry
from compostela.core.mailbox.model import Appended, MessageRow, NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, Flags, SystemFlag
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EffectKey, EntryId, MailboxId, ModSeq, Uid
from compostela.model.uid_set import MAX_UID, UidSet
from compostela.model.username import Username

BOB = Username("bob@example.org")
CAROL = Username("carol@example.org")
HEADER = b"Subject: greetings\r\n\r\n"
DATE = 1_700_000_000
SEEN = Flags.of(SystemFlag.SEEN)
DELETED = Flags.of(SystemFlag.DELETED)
FLAGGED = Flags.of(SystemFlag.FLAGGED)
EVERYTHING = UidSet([(1, MAX_UID)])


def path(name: str, user: Username = BOB) -> MailboxPath:
    return MailboxPath.personal(user, name)


def message(body: bytes = b"Hello.\r\n", flags: Flags = NO_FLAGS, header: bytes = HEADER) -> NewMessage:
    return NewMessage(MessageContent(header, MemoryBody(body)), b"structure", DATE, flags)


def effect(key: str = "key", entry: str = "some-entry") -> Effect:
    return Effect(EntryId(entry), EffectKey(key))


def uids(*numbers: int) -> UidSet:
    return UidSet.of(numbers)


async def a_mailbox(store: MailboxStore, name: str = "INBOX", user: Username = BOB) -> MailboxId:
    return (await store.create(path(name, user))).id


async def fill(store: MailboxStore, mailbox: MailboxId, *flags: Flags) -> list[Appended]:
    """A message for each of the flags, one call each, so that each has a ModSeq of its own."""
    return [(await store.append(mailbox, [message(b"%d\r\n" % number, one)]))[0] for number, one in enumerate(flags)]


async def rows_of(store: MailboxStore, mailbox: MailboxId, chosen: UidSet | None = None) -> list[MessageRow]:
    return [row async for batch in store.rows(mailbox, chosen) for row in batch]


async def uids_of(store: MailboxStore, mailbox: MailboxId) -> list[int]:
    return list((await store.uids(mailbox))[0])


async def flags_of(store: MailboxStore, mailbox: MailboxId) -> dict[Uid, Flags]:
    return {row.uid: row.flags for row in await rows_of(store, mailbox)}


async def row_of(store: MailboxStore, mailbox: MailboxId, uid: int) -> MessageRow | None:
    return next(iter(await rows_of(store, mailbox, uids(uid))), None)


async def log_of(store: MailboxStore, mailbox: MailboxId, since: ModSeq) -> list[LogEntry]:
    """All entries after a ModSeq, page by page."""
    entries: list[LogEntry] = []
    while True:
        page = await store.log(mailbox, since)
        assert page.complete
        entries += page.entries
        if page.is_last:
            return entries
        assert page.until > since, "each page goes on"
        since = page.until


async def told_since(store: MailboxStore, mailbox: MailboxId, since: ModSeq) -> tuple[list[Uid], list[Uid]]:
    """UIDs that were added or changed and are there, UIDs that are gone, by the log."""
    entries = await log_of(store, mailbox, since)
    gone = {entry.uid for entry in entries if entry.change is Change.EXPUNGED}
    return sorted({entry.uid for entry in entries} - gone), sorted(gone)


async def octets_of(store: MailboxStore, mailbox: MailboxId, uid: int) -> bytes:
    found = await store.message(mailbox, Uid(uid))
    assert found is not None
    return await found.content.read()


async def check_counts(store: MailboxStore, mailbox: MailboxId) -> None:
    """What the head keeps is what there is."""
    known, head = await store.uids(mailbox)
    rows: Sequence[MessageRow] = await rows_of(store, mailbox)
    deleted = [row for row in rows if SystemFlag.DELETED in row.flags]
    unseen = [row.uid for row in rows if SystemFlag.SEEN not in row.flags]
    assert list(known) == [row.uid for row in rows] == sorted({row.uid for row in rows})
    flags = [row async for batch in store.flags(mailbox) for row in batch]
    assert flags == [(row.uid, row.modseq, row.flags) for row in rows]
    assert head == await store.head(mailbox)
    assert (head.messages, head.size_bytes) == (len(rows), sum(row.size for row in rows))
    assert (head.deleted, head.deleted_bytes) == (len(deleted), sum(row.size for row in deleted))
    assert head.unseen == len(unseen)
    opened = await store.open(mailbox, take_recent=False)
    assert (opened.head, opened.uids) == (head, known)
    assert opened.first_unseen == (unseen[0] if unseen else None)
    assert head.recent == sum(row.uid >= head.first_recent_uid for row in rows)
    assert head.keywords >= frozenset[str]().union(*(row.flags.keywords for row in rows))
    assert await store.heads([mailbox, MailboxId("unknown")]) == {mailbox: head}
    assert all(row.uid < head.uid_next and row.modseq <= head.highest_modseq for row in rows)
