"""The usage of users, as the heads of their mailboxes tell it. Nothing is kept beside them, so nothing can be late or wrong."""

from compostela.core.events.usage import Usage
from compostela.core.mailbox.model import MailboxHead
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.numbers import MailboxId
from compostela.model.username import Username


class HeadsUsage:
    """See `compostela.core.events.usage`. Heads count already what is recorded, for the owner of the moment."""

    def __init__(self, mailboxes: MailboxStore) -> None:
        self._mailboxes = mailboxes

    async def record(self, mailbox: MailboxId, head: MailboxHead) -> None:
        pass

    async def assign(self, mailbox: MailboxId) -> None:
        pass

    async def forget(self, mailbox: MailboxId) -> None:
        pass

    async def recompute(self, user: Username) -> None:
        pass

    async def of_user(self, user: Username) -> Usage:
        owned = await self._mailboxes.of_user(user)
        heads = (await self._mailboxes.heads([mailbox.id for mailbox in owned])).values()
        return Usage(sum(head.messages for head in heads), sum(head.size_bytes for head in heads))
