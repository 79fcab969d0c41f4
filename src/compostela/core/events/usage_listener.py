"""Keeps the usage of users up to date."""

from compostela.base.settings import Settings
from compostela.core.events.listener import ListenerContext, MailboxListener
from compostela.core.events.model import MailboxChanges, MailboxDeleted, MailboxSnapshot, TreeChanges, TreeSnapshot
from compostela.core.mailbox.log import TreeChange


class UsageListener(MailboxListener):
    """Records how many messages each user has, and how large they are.

    It records heads and adds nothing up, so that it is exact whatever is told twice, late or again."""

    follows_trees = True
    gather_seconds = 1.0

    def __init__(self, settings: Settings, context: ListenerContext) -> None:
        super().__init__(settings, context)
        self._usage = context.usage

    async def changed(self, changes: MailboxChanges) -> None:
        await self._usage.record(changes.mailbox.id, changes.head)

    async def snapshot(self, snapshot: MailboxSnapshot) -> None:
        await self._usage.record(snapshot.mailbox.id, snapshot.head)

    async def deleted(self, deleted: MailboxDeleted) -> None:
        await self._usage.forget(deleted.mailbox.id)

    async def tree_changed(self, changes: TreeChanges) -> None:
        """A mailbox may come from another user."""
        for entry in changes.entries:
            if entry.change is TreeChange.CREATED and entry.mailbox is not None:
                await self._usage.assign(entry.mailbox)

    async def tree_snapshot(self, snapshot: TreeSnapshot) -> None:
        for mailbox in snapshot.mailboxes:
            await self._usage.assign(mailbox.id)
