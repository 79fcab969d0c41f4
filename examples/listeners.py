"""Listeners of one's own: one that counts, and one that reads what was deleted.

In listeners.xml:

    <listener>
        <class>examples.listeners.BusyMailboxes</class>
        <configuration><changes>1000</changes></configuration>
    </listener>
"""

import hashlib
import logging

from compostela.base.settings import Settings
from compostela.core.events.listener import ListenerContext, MailboxListener
from compostela.core.events.model import MailboxChanges
from compostela.core.events.threads import wait_for
from compostela.core.mailbox.log import Change
from compostela.model.numbers import MailboxId

_log = logging.getLogger(__name__)

MAX_MAILBOXES = 10_000
"""Beyond it counting starts anew: what a server's users do must not fill the memory."""


class BusyMailboxes(MailboxListener):
    """Logs a mailbox whenever it had so many more changes."""

    gather_seconds = 1.0

    def __init__(self, settings: Settings, context: ListenerContext) -> None:
        super().__init__(settings, context)
        self._every = settings.integer("changes", 1000, minimum=1)
        self._counts: dict[MailboxId, int] = {}

    async def changed(self, changes: MailboxChanges) -> None:
        if len(self._counts) > MAX_MAILBOXES:
            self._counts.clear()
        before = self._counts.get(changes.mailbox.id, 0)
        after = self._counts[changes.mailbox.id] = before + len(changes.entries)
        if before // self._every != after // self._every:
            _log.info("busy mailbox", extra={"user": str(changes.mailbox.path.user), "changes": after})


class DeletedDigests(MailboxListener):
    """Logs a digest of each message that is expunged. Hashing takes time, so the method is synchronous and runs on a thread."""

    needs_content = True

    def __init__(self, settings: Settings, context: ListenerContext) -> None:
        super().__init__(settings, context)
        self._source = context.source

    def changed(self, changes: MailboxChanges) -> None:
        for entry in changes.entries:
            if entry.change is Change.EXPUNGED:
                found = wait_for(self._source.content(entry.message_id))
                if found is not None:
                    digest = hashlib.sha256(wait_for(found.content.read())).hexdigest()
                    _log.info("message deleted", extra={"messageId": entry.message_id, "sha256": digest})
