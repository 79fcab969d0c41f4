"""The rules of mailboxes on top of the store: names, hierarchy, INBOX, provisioning, structure computed once."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from compostela.base.clock import Clock
from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound
from compostela.core.blob.model import MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mailbox.listings import MailboxListings
from compostela.core.mailbox.model import Appended, Mailbox, NewMessage, OpenedMailbox
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.mailbox.search import SEARCHES_AT_ONCE
from compostela.core.mailbox.view import MailboxView
from compostela.mime.headers import fields
from compostela.mime.scanner import describe
from compostela.model.flags import NO_FLAGS, Flags
from compostela.model.mailbox_path import DELIMITER, INBOX, MailboxPath, check_mailbox_name
from compostela.model.numbers import EffectKey, MailboxId
from compostela.model.uid_set import MAX_UID, UidSet
from compostela.model.username import Username

DEFAULT_MAILBOXES = (INBOX, "Outbox", "Sent", "Trash", "Drafts", "Archive", "Spam")
REMEMBERED_STRUCTURES = 256
REMEMBERED_INBOXES = 10_000


class MailboxManager:
    """What protocols, delivery and administration call. `store` may be used directly for what has no rule."""

    def __init__(self, store: MailboxStore, clock: Clock) -> None:
        self.store = store
        self.listings = MailboxListings(store)
        self._clock = clock
        self.search_slots = asyncio.Semaphore(SEARCHES_AT_ONCE)
        """Taken by each search that holds bodies."""
        self._structures: OrderedDict[tuple[bytes, bytes], bytes] = OrderedDict()
        self._inboxes: OrderedDict[Username, MailboxId] = OrderedDict()

    async def open(self, mailbox: Mailbox, *, read_only: bool) -> tuple[MailboxView, OpenedMailbox]:
        """Select a mailbox. Raises `NotFound`. A read-write view takes the recent messages for itself; on a full disk they are
        another's too, so that messages can be read and deleted there."""
        opened = await self.listings.open(mailbox.id, take_recent=not read_only)
        return MailboxView(self.store, self.listings, mailbox, opened, read_only=read_only), opened

    # hierarchy

    async def create(self, path: MailboxPath) -> Mailbox:
        """Makes the mailbox and the parents that are missing. Raises `AlreadyExists`, `InvalidArgument`."""
        check_mailbox_name(path.name)
        for parent in path.parents():
            if await self.store.find(parent) is None:
                await self._create_unless_there(parent)
        return await self.store.create(path)

    async def find(self, path: MailboxPath) -> Mailbox:
        """Raises `NotFound`."""
        mailbox = await self.store.find(path)
        if mailbox is None:
            raise NotFound("Mailbox not found.")
        return mailbox

    async def delete(self, path: MailboxPath) -> None:
        """Children survive. Raises `NotFound`, and `InvalidArgument` for INBOX."""
        if path.is_inbox:
            raise InvalidArgument("Deleting INBOX is forbidden.")
        await self.store.delete((await self.find(path)).id)

    async def rename(self, source: MailboxPath, target: MailboxPath) -> None:
        """Children move along. RENAME of INBOX moves its messages and leaves it empty (RFC 3501 §6.3.5)."""
        check_mailbox_name(target.name)
        mailbox = await self.find(source)
        if await self.store.find(target) is not None:
            raise AlreadyExists("Mailbox already exists.")
        if target.is_below(source) and not source.is_inbox:
            raise InvalidArgument("A mailbox can't move below itself.")
        if source.is_inbox:
            created = await self.create(target)
            await self.store.move(mailbox.id, UidSet([(1, MAX_UID)]), created.id)
            return
        for parent in target.parents():
            await self._create_unless_there(parent)
        moved = [
            (child.id, target.sibling(target.name + child.path.name[len(source.name) :]))
            for child in await self.store.of_user(source.user)
            if child.path.is_below(source)
        ]
        await self.store.rename([(mailbox.id, target), *moved])

    async def provision(self, user: Username) -> None:
        """At login: the default mailboxes, made and subscribed for a user who has none, or only an INBOX that the first
        delivery made."""
        if any(not mailbox.path.is_inbox for mailbox in await self.store.of_user(user)):
            return
        for name in DEFAULT_MAILBOXES:
            await self._create_unless_there(MailboxPath.personal(user, name))
            await self.store.subscribe(user, name)

    async def inbox(self, user: Username) -> MailboxId:
        """The user's INBOX, made when it is missing."""
        known = self._inboxes.get(user)
        if known is None:
            known = (await self._create_unless_there(MailboxPath.inbox(user))).id
            self._inboxes[user] = known
            if len(self._inboxes) > REMEMBERED_INBOXES:
                self._inboxes.popitem(last=False)
        return known

    async def _create_unless_there(self, path: MailboxPath) -> Mailbox:
        found = await self.store.find(path)
        if found is not None:
            return found
        try:
            return await self.store.create(path)
        except AlreadyExists:
            return await self.find(path)

    # messages

    async def append(
        self,
        mailbox: MailboxId,
        content: MessageContent,
        flags: Flags = NO_FLAGS,
        internal_date: int | None = None,
        effect: Effect | None = None,
    ) -> Appended:
        """Durable when it returns. `internal_date` is epoch seconds, now by default."""
        date = int(self._clock.now()) if internal_date is None else internal_date
        message = NewMessage(content, await self.structure(content), date, flags)
        return (await self.store.append(mailbox, [message], effect))[0]

    async def deliver(
        self, user: Username, content: MessageContent, effect: Effect | None = None, folders: Sequence[str] = ()
    ) -> None:
        """Delivers to INBOX, or to the folders named, which are made when they are missing."""
        if not folders:
            try:
                await self.append(await self.inbox(user), content, effect=effect)
            except NotFound:
                # another session has deleted the mailbox that was remembered
                self._inboxes.pop(user, None)
                await self.append(await self.inbox(user), content, effect=effect)
            return
        for number, name in enumerate(folders):
            path = MailboxPath.personal(user, name.replace("/", DELIMITER))
            mailbox = await self.store.find(path) or await self.create(path)
            own = None if effect is None else Effect(effect.entry, EffectKey(f"{effect.key}/{number}"))
            await self.append(mailbox.id, content, effect=own)

    async def structure(self, content: MessageContent) -> bytes:
        """The notes of the offset scanner. One body to many recipients differs in header fields that the notes do not
        hold, so equal notes are found again by the body and the fields that matter."""
        header = content.header
        key = (content.body.digest, _fields_that_matter(header))
        known = self._structures.get(key)
        if known is None:
            known = (await content.body.apply(lambda octets: describe(header, octets))).dumps()
            self._structures[key] = known
            if len(self._structures) > REMEMBERED_STRUCTURES:
                self._structures.popitem(last=False)
        return known


_TRACE_FIELDS = (b"received", b"return-path", b"delivered-to")


def _fields_that_matter(header: bytes) -> bytes:
    """The header without what a delivery adds on top of it."""
    for field in fields(header):
        if field.name.lower() not in _TRACE_FIELDS:
            return header[field.start :]
    return header
