"""Tasks on mailboxes: remove all messages of one."""

from dataclasses import dataclass

import msgspec

from compostela.core.mailbox.ports import MailboxStore
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.model.numbers import MailboxId
from compostela.model.uid_set import UidSet

BATCH = 1000
"""Messages that are removed together."""


@dataclass(frozen=True, slots=True)
class ClearMailbox:
    """A mailbox by its id, which no other ever has; the names are for the report."""

    mailbox: str
    username: str
    name: str


class ClearMailboxTask(TaskRunner[ClearMailbox]):
    """Removes the messages that are in a mailbox when the task first begins. Later ones stay, also after a crash."""

    name = "ClearMailboxContentTask"
    arguments = ClearMailbox

    def __init__(self, mailboxes: MailboxStore) -> None:
        self._mailboxes = mailboxes

    async def describe(self, arguments: ClearMailbox) -> Json:
        return {
            "username": arguments.username,
            "mailboxName": arguments.name,
            "messagesSuccessCount": 0,
            "messagesFailCount": 0,
        }

    async def run(self, arguments: ClearMailbox, context: TaskContext) -> None:
        mailbox = MailboxId(arguments.mailbox)
        uids, _ = await self._mailboxes.uids(mailbox)
        if not uids:
            return
        if context.progress is None:
            await context.save(context.state.information, {"last": uids.at(len(uids) - 1), "removed": 0})
        progress = msgspec.convert(context.progress, _Progress)
        left = uids & UidSet([(1, progress.last)])
        for first in range(0, len(left), BATCH):
            progress.removed += len(await self._mailboxes.remove(mailbox, left.slice(first, first + BATCH - 1)))
            information = {**context.state.information, "messagesSuccessCount": progress.removed}
            await context.report(information, msgspec.to_builtins(progress))


class _Progress(msgspec.Struct):
    last: int
    """The UID of the last message that is removed."""
    removed: int
