"""What the contracts of the mailbox store are written with."""

from collections.abc import Sequence

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mailbox.model import Appended, MessageRow, NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, Flags, SystemFlag
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EffectKey, EntryId, MailboxId, Uid
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
    assert await store.first_unseen(mailbox) == (unseen[0] if unseen else None)
    assert all(row.uid < head.uid_next and row.modseq <= head.highest_modseq for row in rows)
