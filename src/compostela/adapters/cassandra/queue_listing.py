"""The entries of a queue, and which of them an administrator means."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from compostela.adapters.cassandra.queue_rows import LINES, Facts, QueueRows
from compostela.core.queue.model import QueuedMail
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId


async def entries_of(rows: QueueRows, queue: str) -> AsyncIterator[list[tuple[EntryId, Facts]]]:
    """Those that have not ended, in the order in which they were enqueued: a list for each minute. Raises `TemporaryFailure`."""
    for minute in await rows.minutes(queue, LINES):
        yield [(entry, row.facts) for entry, row in await rows.entries_of(queue, minute)]


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is given must fit."""

    sender: MailAddress | None = None
    name: str | None = None
    recipient: MailAddress | None = None
    enqueued_until: float | None = None

    def fits(self, mail: QueuedMail) -> bool:
        return (
            (self.sender is None or mail.sender == self.sender)
            and (self.name is None or mail.name == self.name)
            and (self.recipient is None or self.recipient in mail.recipients)
            and (self.enqueued_until is None or mail.enqueued_at <= self.enqueued_until)
        )
