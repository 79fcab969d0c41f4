"""The task that brings back messages which the database has lost.

Each comes into the mailbox to which it came first, with its first flags, or into `Restored-messages` of its owner if no mailbox has that name now. The same
octets come once into a mailbox: the append has a key made from them. Then its copy goes, for the new message has one of its own. So the task may be cut off and run again.
"""

import logging
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from compostela.base.concurrency import side_by_side
from compostela.base.errors import CompostelaError, NotFound, TemporaryFailure
from compostela.core.idempotency import Effect
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.session import MailboxSession
from compostela.core.recovery.ports import CopyName, ListedCopy, Recovery, RecoveryCopy
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import BlobId, EffectKey, EntryId, MessageId
from compostela.model.username import Username

_log = logging.getLogger(__name__)

RESTORED = "Restored-messages"
CONCURRENCY = 8
MAX_CONCURRENCY = 100
MAX_LISTED = 100
"""Messages that a report names; more are only counted."""
PART = 500
"""Copies between two notes of how far the task is."""
_ENTRY = EntryId("recovery")


@dataclass(frozen=True, slots=True)
class RestoreMessages:
    restore_after: float | None = None
    """Only copies that were written since, in epoch seconds."""
    prefix: str = ""
    """Only messages whose ids begin with it, hexadecimal digits: several tasks may share the work."""
    concurrency: int = CONCURRENCY


class _Progress(msgspec.Struct):
    after: tuple[str, str] | None = None
    looked: int = 0
    present: int = 0
    restored: int = 0
    homeless: int = 0
    """Of the restored ones those in `RESTORED`."""
    failed: int = 0
    named: list[str] = []


class RestoreMessagesTask(TaskRunner[RestoreMessages]):
    """A copy that cannot be read or appended is told in the report, stays, and stops no other."""

    name = "RestoreMessagesTask"
    arguments = RestoreMessages

    def __init__(self, recovery: Recovery, mailboxes: MailboxSession) -> None:
        """`mailboxes` is the session of the system."""
        self._copies = recovery.copies
        self._has_content = recovery.has_content
        self._mailboxes = mailboxes

    async def describe(self, arguments: RestoreMessages) -> Json:
        return _information(arguments, _Progress())

    async def run(self, arguments: RestoreMessages, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _Progress)
        while listed := await self._copies.list(arguments.prefix, _name(progress.after), PART):
            wanted = [one for one in listed if one.written_at >= (arguments.restore_after or 0.0)]
            await side_by_side(wanted, lambda one: self._look(one, progress), arguments.concurrency)
            last = listed[-1].name
            progress.after = last.message, last.blob or ""
            await context.report(_information(arguments, progress), msgspec.to_builtins(progress))

    async def _look(self, listed: ListedCopy, progress: _Progress) -> None:
        message = listed.name.message
        is_present = await self._has_content(message)
        progress.looked += 1
        if is_present:
            progress.present += 1
            return
        try:
            copy = await self._copies.read(listed.name)
        except NotFound:
            # the message went for good since the listing, its copy first
            return
        except TemporaryFailure as error:
            _note_failure(message, error, progress)
            return
        try:
            await self._restore(copy, progress)
        except CompostelaError as error:
            _note_failure(message, error, progress)

    async def _restore(self, copy: RecoveryCopy, progress: _Progress) -> None:
        first = None if copy.path is None else await self._first_mailbox(copy.path)
        rest = MailboxPath.personal(Username.parse(copy.user), RESTORED)
        mailbox = first or await self._mailboxes.find_or_create(rest)
        digest = blake2b(copy.header + copy.body.digest, digest_size=16).hexdigest()
        effect = Effect(_ENTRY, EffectKey(digest))
        await self._mailboxes.append(mailbox, copy.content, copy.flags, copy.internal_date, effect)
        await self._copies.remove(copy.name)
        progress.restored += 1
        progress.homeless += first is None
        _log.info("restored a message: message=%s user=%s mailbox=%s", copy.name.message, copy.user, mailbox.path.name)

    async def _first_mailbox(self, path: MailboxPath) -> Mailbox | None:
        try:
            return await self._mailboxes.find(path)
        except NotFound:
            return None


def _note_failure(message: MessageId, error: CompostelaError, progress: _Progress) -> None:
    _log.warning("could not restore a message: message=%s reason=%s", message, error)
    progress.failed += 1
    if len(progress.named) < MAX_LISTED:
        progress.named.append(message)


def _name(after: tuple[str, str] | None) -> CopyName | None:
    return None if after is None else CopyName(MessageId(after[0]), BlobId(after[1]) if after[1] else None)


def _information(arguments: RestoreMessages, progress: _Progress) -> Json:
    return {
        "processedCopyCount": progress.looked,
        "presentMessageCount": progress.present,
        "restoredMessageCount": progress.restored,
        "withoutMailboxCount": progress.homeless,
        "failedMessageCount": progress.failed,
        "failedMessages": progress.named,
        "runningOptions": {
            "restoreAfter": arguments.restore_after,
            "headerBlobPrefix": arguments.prefix,
            "concurrency": arguments.concurrency,
        },
    }
