"""Subscriptions: see `compostela.core.mailbox.ports.subscriptions` for what it promises."""

from compostela.adapters.embedded.mailbox_parts import MailboxPart
from compostela.adapters.embedded.mailbox_tree import advance_tree, log_tree
from compostela.adapters.embedded.writer import Transaction
from compostela.core.mailbox.log import TreeChange
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username

_ADD = "INSERT OR IGNORE INTO subscription VALUES (?, ?)"
_REMOVE = "DELETE FROM subscription WHERE user = ? AND name = ?"
_ALL = "SELECT name FROM subscription WHERE user = ? ORDER BY name"


class EmbeddedSubscriptions(MailboxPart):
    """See `MailboxPart`."""

    async def subscribe(self, user: Username, name: str) -> None:
        await self._change(_ADD, TreeChange.SUBSCRIBED, user, name)

    async def unsubscribe(self, user: Username, name: str) -> None:
        await self._change(_REMOVE, TreeChange.UNSUBSCRIBED, user, name)

    async def _change(self, statement: str, change: TreeChange, user: Username, name: str) -> None:
        now = int(self._clock.now())

        def job(tx: Transaction) -> None:
            tx.execute(statement, (user.value, name))
            if tx.connection.changes():
                path = MailboxPath.personal(user, name)
                log_tree(tx, advance_tree(tx, user), 0, change, None, path, now)

        await self._writer.run(self._trees.changing(job), frees_space=change is TreeChange.UNSUBSCRIBED)

    async def subscriptions(self, user: Username) -> list[str]:
        return self._trees.get(("subscriptions", user.value), lambda: self._subscriptions(user)).copy()

    def _subscriptions(self, user: Username) -> list[str]:
        return [row[0] for row in self._reader.execute(_ALL, (user.value,)).fetchall()]
