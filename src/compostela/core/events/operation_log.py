"""Writes a log line for each mailbox that is created, renamed or deleted."""

import logging

from compostela.core.events.listener import MailboxListener
from compostela.core.events.model import TreeChanges
from compostela.core.mailbox.log import TreeChange

_log = logging.getLogger(__name__)

_EVENTS = {
    TreeChange.CREATED: "mailbox created",
    TreeChange.RENAMED: "mailbox renamed",
    TreeChange.DELETED: "mailbox deleted",
    TreeChange.SUBSCRIBED: "mailbox subscribed",
    TreeChange.UNSUBSCRIBED: "mailbox unsubscribed",
}


class MailboxOperationLoggingListener(MailboxListener):
    """At level INFO."""

    follows_trees = True
    gather_seconds = 1.0

    async def tree_changed(self, changes: TreeChanges) -> None:
        for entry in changes.entries:
            fields = {"user": str(entry.path.user), "mailboxPath": entry.path.name, "mailboxId": entry.mailbox}
            if entry.path_before is not None:
                fields["previousPath"] = entry.path_before.name
            _log.info(_EVENTS[entry.change], extra=fields)
