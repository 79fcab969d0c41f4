"""Mailboxes and subscriptions of a user who is renamed or deleted."""

from compostela.core.mailbox.session import MailboxSession
from compostela.core.users.data_steps import UserDeletionStep, UsernameChangeStep
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username


class MailboxChange(UsernameChangeStep):
    """Mailboxes keep their messages and ids; where the new user has one of the name, the messages join it."""

    name = "MailboxUsernameChangeTaskStep"
    priority = 4

    def __init__(self, mailboxes: MailboxSession) -> None:
        """`mailboxes` is the session of the system."""
        self._mailboxes = mailboxes

    async def change(self, old: Username, new: Username) -> None:
        await self._mailboxes.transfer(await self._mailboxes.list(old), new)
        for name in await self._mailboxes.subscriptions(old):
            await self._mailboxes.subscribe(MailboxPath.personal(new, name))
            await self._mailboxes.unsubscribe(MailboxPath.personal(old, name))


class MailboxDeletion(UserDeletionStep):
    name = "MailboxUserDeletionTaskStep"
    priority = 4

    def __init__(self, mailboxes: MailboxSession) -> None:
        """`mailboxes` is the session of the system."""
        self._mailboxes = mailboxes

    async def delete(self, user: Username) -> None:
        await self._mailboxes.delete_all(await self._mailboxes.list(user))
        for name in await self._mailboxes.subscriptions(user):
            await self._mailboxes.unsubscribe(MailboxPath.personal(user, name))
