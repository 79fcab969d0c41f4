"""The session of an actor on mailboxes: every rule about mailboxes is applied here.

Protocols, delivery and administration use sessions alone; the store's ports are private to them. Rights are those of the actor on
the mailbox, quota is always that of the mailbox's owner.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound
from compostela.core.blob.model import MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.keyword_limits import KeywordLimits
from compostela.core.mailbox.model import (
    Appended,
    Copied,
    FlagsResult,
    FlagsRow,
    Mailbox,
    MailboxHead,
    MessageRow,
    NewMessage,
    OpenedMailbox,
    StoredMessage,
)
from compostela.core.mailbox.ports import NotEmpty
from compostela.core.mailbox.pre_deletion import Deletion
from compostela.core.mailbox.rights import ALL_RIGHTS, NO_RIGHTS, NoPermission, Right
from compostela.core.mailbox.search import Query, search
from compostela.core.mailbox.view import MailboxView
from compostela.model.flags import NO_FLAGS, NO_KEYWORDS, Flags, FlagsMode, SystemFlag
from compostela.model.mailbox_path import DELIMITER, INBOX, MailboxPath, check_mailbox_name
from compostela.model.numbers import EffectKey, MailboxId, ModSeq, Uid
from compostela.model.uid_set import MAX_UID, UidSet
from compostela.model.username import Username

if TYPE_CHECKING:
    from compostela.core.mailbox.service import MailboxService

DEFAULT_MAILBOXES = (INBOX, "Outbox", "Sent", "Trash", "Drafts", "Archive", "Spam")
_EVERYTHING = UidSet([(1, MAX_UID)])
_CHANGING = Right.SEEN | Right.WRITE | Right.INSERT | Right.DELETE_MESSAGES | Right.EXPUNGE


class MailboxSession:
    """What one actor does with mailboxes.

    Methods raise `NotFound` for a mailbox that is gone or that the actor may not see, `NoPermission` for a right that he lacks,
    `QuotaExceeded`, `StorageFull` (nothing was done) and `TemporaryFailure` (not known to be done)."""

    __slots__ = ("_keyword_limits", "_last_mailbox", "_last_rights", "_service", "_store", "actor")

    def __init__(self, service: "MailboxService", actor: Actor, keyword_limits: KeywordLimits | None = None) -> None:
        """`keyword_limits` are those of the protocol, None for no limit."""
        self._keyword_limits = keyword_limits
        self._service = service
        self._store = service.store
        self._last_mailbox: Mailbox | None = None
        self._last_rights = NO_RIGHTS
        self.actor = actor

    # hierarchy

    async def find(self, path: MailboxPath) -> Mailbox:
        """Return a mailbox by its path. The actor's own INBOX is made when it is missing. Raises `NotFound`."""
        mailbox = await self._store.find(path)
        if mailbox is None and path.is_inbox and self.actor.user == path.user:
            mailbox = await self._create_unless_there(path)
        if mailbox is None:
            raise NotFound("Mailbox not found.")
        self._check(mailbox, Right.LOOKUP)
        return mailbox

    async def list(self, user: Username) -> list[Mailbox]:
        """Return the mailboxes of a user that the actor may see, by name."""
        return [one for one in await self._store.of_user(user) if Right.LOOKUP in self.rights(one)]

    def rights(self, mailbox: Mailbox) -> Right:
        """Return the actor's rights on a mailbox."""
        # a rule reads nothing but these two, and a client asks of the same mailbox again and again
        if mailbox is not self._last_mailbox:
            self._last_rights = self._service.rights.of(self.actor, mailbox)
            self._last_mailbox = mailbox
        return self._last_rights

    def rights_of(self, actor: Actor, mailbox: Mailbox) -> Right:
        """Return the rights of somebody else on a mailbox that this actor may administer. Raises `NoPermission`."""
        self._check(mailbox, Right.ADMINISTER)
        return self._service.rights.of(actor, mailbox)

    async def create(self, path: MailboxPath) -> Mailbox:
        """Make a mailbox and the parents that are missing. Raises `AlreadyExists`, `InvalidArgument`."""
        await self._prepare_to_create(path)
        return await self._store.create(path)

    async def find_or_create(self, path: MailboxPath) -> Mailbox:
        """Return a mailbox, made with its parents when it is missing; others may make it at the same time. Raises `InvalidArgument`."""
        found = await self._store.find(path)
        if found is not None:
            self._check(found, Right.LOOKUP)
            return found
        await self._prepare_to_create(path)
        return await self._create_unless_there(path)

    async def _prepare_to_create(self, path: MailboxPath) -> None:
        check_mailbox_name(path.name)
        await self._check_create(path)
        for parent in path.parents():
            await self._create_unless_there(parent)

    async def delete(self, path: MailboxPath) -> None:
        """Delete a mailbox; its children survive. Raises `InvalidArgument` for INBOX."""
        if path.is_inbox:
            raise InvalidArgument("Deleting INBOX is forbidden.")
        await self._delete(await self.find(path))

    async def delete_all(self, mailboxes: Sequence[Mailbox]) -> None:
        """Delete mailboxes whatever they are, INBOX too: for administration."""
        for mailbox in mailboxes:
            try:
                await self._delete(mailbox)
            except NotFound:
                continue  # another did the same

    async def _delete(self, mailbox: Mailbox) -> None:
        self._check(mailbox, Right.DELETE_MAILBOX)
        if self._service.pre_deletion:
            await self._ask_hooks(mailbox, _EVERYTHING, deleted_only=False)
        await self._store.delete(mailbox.id)
        self._service.listings.forget(mailbox.id)
        if mailbox.path.is_inbox:
            self._service.inboxes.pop(mailbox.path.user, None)

    async def rename(self, source: MailboxPath, target: MailboxPath) -> None:
        """Rename a mailbox with its children. RENAME of INBOX moves its messages and leaves it empty (RFC 3501 §6.3.5). Raises
        `AlreadyExists`, `InvalidArgument`."""
        check_mailbox_name(target.name)
        mailbox = await self.find(source)
        if await self._store.find(target) is not None:
            raise AlreadyExists("Mailbox already exists.")
        if target.is_below(source) and not source.is_inbox:
            raise InvalidArgument("A mailbox can't move below itself.")
        if source.is_inbox:
            await self.move(mailbox, _EVERYTHING, await self.create(target))
            return
        self._check(mailbox, Right.DELETE_MAILBOX)
        await self._check_create(target)
        for parent in target.parents():
            await self._create_unless_there(parent)
        moved = [
            (child.id, target.sibling(target.name + child.path.name[len(source.name) :]))
            for child in await self._store.of_user(source.user)
            if child.path.is_below(source)
        ]
        await self._store.rename([(mailbox.id, target), *moved])

    async def subscribe(self, path: MailboxPath) -> None:
        """Subscribe to a name (RFC 3501 §6.3.6)."""
        await self._store.subscribe(path.user, path.name)

    async def unsubscribe(self, path: MailboxPath) -> None:
        await self._store.unsubscribe(path.user, path.name)

    async def subscriptions(self, user: Username) -> Sequence[str]:
        """Return all names in order."""
        return await self._store.subscriptions(user)

    async def inbox(self, user: Username) -> Mailbox:
        """Return the user's INBOX, made when it is missing. What is remembered may be gone: the next use raises `NotFound`."""
        known = self._service.inboxes.get(user)
        if known is None:
            known = await self._create_unless_there(MailboxPath.inbox(user))
            self._service.inboxes[user] = known
        return known

    async def provision(self, user: Username) -> None:
        """At login: make and subscribe the default mailboxes for a user who has none of his own: only an INBOX that the first delivery
        made, or mailboxes that administration or a filter made. A login subscribes, they do not."""
        others = any(not mailbox.path.is_inbox for mailbox in await self._store.of_user(user))
        if others and await self._store.subscriptions(user):
            return
        for name in DEFAULT_MAILBOXES:
            await self._create_unless_there(MailboxPath.personal(user, name))
            await self._store.subscribe(user, name)

    async def transfer(self, mailboxes: Sequence[Mailbox], user: Username) -> None:
        """Give mailboxes to another user, with their names and subscriptions. Where he has one of that name its messages join it.

        Not atomic; a call that was cut off may be repeated with the mailboxes that the old user still has."""
        owners = {mailbox.path.user for mailbox in mailboxes}
        subscribed = {owner: frozenset(await self._store.subscriptions(owner)) for owner in owners}
        for mailbox in mailboxes:
            self._check(mailbox, Right.ADMINISTER)
            old, path = mailbox.path, MailboxPath(mailbox.path.namespace, user, mailbox.path.name)
            try:
                await self._store.rename([(mailbox.id, path)])
            except AlreadyExists:
                await self._merge(mailbox, await self.find(path))
            self._service.inboxes.pop(old.user, None)
            if old.name in subscribed[old.user]:
                await self._store.subscribe(user, old.name)
                await self._store.unsubscribe(old.user, old.name)

    async def _merge(self, mailbox: Mailbox, there: Mailbox) -> None:
        """What is delivered meanwhile comes along: no message goes with the mailbox."""
        while True:
            await self._store.move(mailbox.id, _EVERYTHING, there.id)
            try:
                await self._store.delete(mailbox.id, only_empty=True)
            except NotEmpty:
                continue
            return

    async def _create_unless_there(self, path: MailboxPath) -> Mailbox:
        found = await self._store.find(path)
        if found is not None:
            return found
        try:
            return await self._store.create(path)
        except AlreadyExists:
            return await self.find(path)

    async def _check_create(self, path: MailboxPath) -> None:
        """CREATE is needed on the nearest parent that exists, or on the root of the tree (RFC 4314 §4)."""
        rights = self._service.rights.in_tree(self.actor, path.user)
        if Right.CREATE in rights:
            return
        for parent in reversed(path.parents()):
            found = await self._store.find(parent)
            if found is not None and Right.CREATE in self.rights(found):
                return
            if found is not None:
                break
        raise NoPermission("You may not create a mailbox there.")

    def _check(self, mailbox: Mailbox, needed: Right) -> None:
        held = self.rights(mailbox)
        if held is ALL_RIGHTS:
            return  # nearly always, and flags of an enum are slow
        if Right.LOOKUP not in held:
            raise NotFound("Mailbox not found.")
        if needed not in held:
            raise NoPermission("You lack the right to do that.")

    # opening and status

    async def open(self, mailbox: Mailbox, *, read_only: bool) -> tuple[MailboxView, OpenedMailbox]:
        """Select a mailbox. The view is read-only if the actor may change nothing. A read-write view takes the recent messages for
        itself; on a full disk they are another's too, so that messages can be read and deleted there. The caller closes the view."""
        self._check(mailbox, Right.READ)
        if not read_only and (held := self.rights(mailbox)) is not ALL_RIGHTS:
            read_only = not held & _CHANGING
        opened = await self._service.listings.open(mailbox.id, take_recent=not read_only)
        view = MailboxView(self, self._store, mailbox, opened, read_only=read_only)
        view.start(self._service.clock.monotonic())
        return view, opened

    async def status(self, mailbox: Mailbox) -> MailboxHead:
        """Return the counters of a mailbox."""
        self._check(mailbox, Right.LOOKUP)
        return await self._store.head(mailbox.id)

    async def statuses(self, mailboxes: Sequence[Mailbox]) -> dict[MailboxId, MailboxHead]:
        """Return the counters of several mailboxes; those that are gone are left out."""
        return await self._store.heads([one.id for one in mailboxes if Right.LOOKUP in self.rights(one)])

    # writing messages

    async def check_append(self, mailbox: Mailbox, flags: Flags, size_bytes: int) -> Flags:
        """Refuse an append before its octets come: raises what `append` would. `size_bytes` is what the client announces. Return
        the flags with their keywords as the mailbox spells them."""
        self._check(mailbox, Right.INSERT)
        known = NO_KEYWORDS
        if flags.keywords:
            flags, known = await self._spelled(mailbox, flags)
        if self._keyword_limits is not None:
            self._keyword_limits.check_append(flags.keywords, known)
        if self._service.quota.has_limit(mailbox.path.user):
            await self._service.quota.check(mailbox.path.user, 1, size_bytes)
        return flags

    async def append(
        self,
        mailbox: Mailbox,
        content: MessageContent,
        flags: Flags = NO_FLAGS,
        internal_date: int | None = None,
        effect: Effect | None = None,
    ) -> Appended:
        """Store a message; it is durable when this returns. `internal_date` is epoch seconds, now by default."""
        spelled = await self.check_append(mailbox, flags, content.size)
        date = int(self._service.clock.now()) if internal_date is None else internal_date
        message = NewMessage(content, await self._service.structures.of(content), date, spelled, mailbox.path)
        return (await self._store.append(mailbox.id, [message], effect))[0]

    async def deliver(
        self,
        user: Username,
        content: MessageContent,
        effect: Effect | None = None,
        folders: Sequence[str] = (),
        flags: Flags = NO_FLAGS,
    ) -> None:
        """Deliver to INBOX, or to the folders that are named, which are made when they are missing."""
        if not folders:
            await self.deliver_to(MailboxPath.inbox(user), content, flags, effect)
            return
        is_last = effect is not None and effect.is_last and len(folders) == 1
        for number, name in enumerate(folders):
            path = MailboxPath.personal(user, name.replace("/", DELIMITER))
            own = None if effect is None else Effect(effect.entry, EffectKey(f"{effect.key}/{number}"), is_last)
            await self.deliver_to(path, content, flags, own)

    async def deliver_to(
        self, path: MailboxPath, content: MessageContent, flags: Flags = NO_FLAGS, effect: Effect | None = None
    ) -> None:
        """Deliver to a mailbox, which is made when it is missing. Others may make or delete it at the same time."""
        try:
            known = self._service.inboxes.get(path.user) if path.is_inbox else None
            await self.append(known or await self._target(path), content, flags, effect=effect)
        except NotFound:
            # another session has deleted it since it was found, or since INBOX was remembered
            self._service.inboxes.pop(path.user, None)
            await self.append(await self._target(path), content, flags, effect=effect)

    async def _target(self, path: MailboxPath) -> Mailbox:
        return await self.inbox(path.user) if path.is_inbox else await self.find_or_create(path)

    async def prepare(self, content: MessageContent) -> None:
        """Compute the structure notes once, before several deliveries of the same body ask for them at the same time."""
        await self._service.structures.of(content)

    async def copy(self, source: Mailbox, uids: UidSet, target: Mailbox) -> Copied:
        """Copy messages. Messages that are gone are left out."""
        self._check(source, Right.READ)
        await self._check_insert(source, uids, target, moved=False)
        return await self._store.copy(source.id, uids, target.id)

    async def move(self, source: Mailbox, uids: UidSet, target: Mailbox) -> Copied:
        """Move messages (RFC 6851). Messages that are gone are left out."""
        self._check(source, Right.READ | Right.DELETE_MESSAGES | Right.EXPUNGE)
        await self._check_insert(source, uids, target, moved=True)
        return await self._store.move(source.id, uids, target.id)

    async def _check_insert(self, source: Mailbox, uids: UidSet, target: Mailbox, *, moved: bool) -> None:
        self._check(target, Right.INSERT)
        if self._keyword_limits is not None:
            await self._keyword_limits.check_copy(self._store, source.id, uids, target.id)
        owner = target.path.user
        if moved and source.path.user == owner:
            return  # what one user moves among his own mailboxes is in his quota already
        if self._service.quota.has_limit(owner):
            sizes = [row.size async for batch in self._store.rows(source.id, uids) for row in batch]
            await self._service.quota.check(owner, len(sizes), sum(sizes))

    async def store_flags(
        self, mailbox: Mailbox, uids: UidSet, mode: FlagsMode, flags: Flags, unchanged_since: ModSeq | None = None
    ) -> FlagsResult:
        """Change flags; see `MessageStore.store_flags`."""
        if self.rights(mailbox) is not ALL_RIGHTS:
            self._check(mailbox, _rights_for(mode, flags))
        known = NO_KEYWORDS
        if flags.keywords:
            flags, known = await self._spelled(mailbox, flags)
        if self._keyword_limits is not None:
            await self._keyword_limits.check_store(self._store, mailbox.id, uids, mode, flags.keywords, known)
        return await self._store.store_flags(mailbox.id, uids, mode, flags, unchanged_since)

    async def _spelled(self, mailbox: Mailbox, flags: Flags) -> tuple[Flags, frozenset[str]]:
        """Keywords as the mailbox spells them already (they have no case, RFC 3501 §2.3.2), and all keywords that it has."""
        known = (await self._store.head(mailbox.id)).keywords
        return flags.spelled_as(known), known

    async def expunge(self, mailbox: Mailbox, uids: UidSet | None = None) -> UidSet:
        """Remove the messages flagged \\Deleted (among `uids`, when given); return their UIDs."""
        self._check(mailbox, Right.EXPUNGE)
        if self._service.pre_deletion:
            asked = await self._ask_hooks(mailbox, _EVERYTHING if uids is None else uids, deleted_only=True)
            uids = asked if uids is None else asked & uids
        return (await self._store.expunge(mailbox.id, uids))[0]

    async def remove(self, mailbox: Mailbox, uids: UidSet) -> UidSet:
        """Remove messages whatever their flags; return the UIDs of those that were there."""
        self._check(mailbox, Right.DELETE_MESSAGES | Right.EXPUNGE)
        if self._service.pre_deletion:
            uids = await self._ask_hooks(mailbox, uids, deleted_only=False)
        return await self._store.remove(mailbox.id, uids)

    async def clear(self, mailbox: Mailbox) -> int:
        """Remove all messages; return how many there were."""
        uids, _ = await self._store.uids(mailbox.id)
        return len(await self.remove(mailbox, uids))

    async def _ask_hooks(self, mailbox: Mailbox, uids: UidSet, *, deleted_only: bool) -> UidSet:
        """Call the pre-deletion hooks; return the UIDs that they were asked about."""
        asked: list[int] = []
        async for batch in self._store.rows(mailbox.id, uids):
            rows = [row for row in batch if not deleted_only or SystemFlag.DELETED in row.flags]
            if not rows:
                continue
            for hook in self._service.pre_deletion:
                await hook.before_deletion(Deletion(self.actor, mailbox, rows))
            asked += [row.uid for row in rows]
        return UidSet.of(asked)

    # reading messages

    def flags(self, mailbox: Mailbox, uids: UidSet | None = None) -> AsyncIterator[Sequence[FlagsRow]]:
        """Give UID, ModSeq and flags in UID order, in batches."""
        self._check(mailbox, Right.READ)
        return self._service.listings.flags(mailbox.id, uids)

    def rows(self, mailbox: Mailbox, uids: UidSet | None = None) -> AsyncIterator[Sequence[MessageRow]]:
        """Give rows in UID order, in batches."""
        self._check(mailbox, Right.READ)
        return self._store.rows(mailbox.id, uids)

    def structures(self, mailbox: Mailbox, uids: UidSet) -> AsyncIterator[Sequence[tuple[Uid, bytes]]]:
        """Give the notes of the offset scanner in UID order, in batches."""
        self._check(mailbox, Right.READ)
        return self._store.structures(mailbox.id, uids)

    async def messages(self, mailbox: Mailbox, uids: Sequence[Uid]) -> dict[Uid, StoredMessage]:
        """Return several messages, at most a hundred. Bodies are read only when asked for."""
        self._check(mailbox, Right.READ)
        return await self._store.messages(mailbox.id, uids)

    async def message(self, mailbox: Mailbox, uid: Uid) -> StoredMessage | None:
        self._check(mailbox, Right.READ)
        return await self._store.message(mailbox.id, uid)

    async def search(self, mailbox: Mailbox, uids: UidSet, query: Query) -> Sequence[FlagsRow]:
        """Return the messages of `uids` that match, in UID order."""
        self._check(mailbox, Right.READ)
        service = self._service
        return await search(self._store, service.listings, mailbox.id, uids, query, service.search_slots)

    def watch(self, mailbox: Mailbox, wake: Callable[[], None], seen: ModSeq) -> Callable[[], None]:
        """See `MessageStore.watch`."""
        return self._store.watch(mailbox.id, wake, seen)

    async def take_recent(self, mailbox: Mailbox) -> Uid:
        """See `MessageStore.take_recent`."""
        return await self._store.take_recent(mailbox.id)


def _rights_for(mode: FlagsMode, flags: Flags) -> Right:
    """The rights that a change of flags needs (RFC 4314 §4). Replacing all flags needs those for any."""
    needed = Right(0)
    if SystemFlag.SEEN in flags or mode is FlagsMode.REPLACE:
        needed |= Right.SEEN
    if SystemFlag.DELETED in flags or mode is FlagsMode.REPLACE:
        needed |= Right.DELETE_MESSAGES
    if mode is FlagsMode.REPLACE or flags.keywords or flags.system & ~(SystemFlag.SEEN | SystemFlag.DELETED):
        needed |= Right.WRITE
    return needed
