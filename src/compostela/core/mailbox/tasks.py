"""Tasks on mailboxes: remove all messages of one."""

from dataclasses import dataclass

import msgspec

from compostela.base.errors import NotFound
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.session import MailboxSession
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.model.uid_set import UidSet
from compostela.model.username import Username


@dataclass(frozen=True, slots=True)
class ClearMailbox:
    """A mailbox of a user by its id, which no other ever has; the name is for the report."""

    mailbox: str
    username: str
    name: str


class ClearMailboxTask(TaskRunner[ClearMailbox]):
    """Removes the messages that are in a mailbox when the task first begins. Later ones stay, also after a crash."""

    name = "ClearMailboxContentTask"
    arguments = ClearMailbox

    def __init__(self, mailboxes: MailboxSession) -> None:
        """`mailboxes` is the session of the system."""
        self._mailboxes = mailboxes

    async def describe(self, arguments: ClearMailbox) -> Json:
        return {
            "username": arguments.username,
            "mailboxName": arguments.name,
            "messagesSuccessCount": 0,
            "messagesFailCount": 0,
        }

    async def run(self, arguments: ClearMailbox, context: TaskContext) -> None:
        mailbox = await self._find(arguments)
        if context.progress is None:
            head = await self._mailboxes.status(mailbox)
            await context.save(context.state.information, {"next": head.uid_next, "removed": 0})
        progress = msgspec.convert(context.progress, _Progress)
        if progress.next == 1:
            return
        async for batch in self._mailboxes.flags(mailbox, UidSet([(1, progress.next - 1)])):
            removed = await self._mailboxes.remove(mailbox, UidSet.of(row.uid for row in batch))
            progress.removed += len(removed)
            information = {**context.state.information, "messagesSuccessCount": progress.removed}
            await context.report(information, msgspec.to_builtins(progress))

    async def _find(self, arguments: ClearMailbox) -> Mailbox:
        for mailbox in await self._mailboxes.list(Username.parse(arguments.username)):
            if str(mailbox.id) == arguments.mailbox:
                return mailbox
        raise NotFound(f"the mailbox {arguments.name} was deleted")


class _Progress(msgspec.Struct):
    next: int
    """The UID from which on messages stay."""
    removed: int
