"""The mail queue: durable hand-over between those who accept mail and those who process it."""

from collections.abc import AsyncIterator
from typing import Protocol

from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.core.queue.model import NORMAL_PRIORITY, QueuedMail
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId


class QueueItem(Protocol):
    """A mail handed to one consumer. It stays in the queue until `done`; a consumer that dies without calling either
    method gives it back (embedded: when its process's lock file is free; distributed: when its channel closes)."""

    @property
    def entry(self) -> EntryId: ...

    @property
    def mail(self) -> Mail: ...

    async def done(self) -> None:
        """Removes the entry and the effect keys of its runs, durably. Works on a full disk, from the reserve. Raises
        `TemporaryFailure` if the store fails: the consumer still has the entry and calls `retry`."""
        ...

    async def retry(self, mail: Mail, delay_seconds: float = 0.0) -> None:
        """Puts the entry back under the same id with the mail as it is now, durably, ready after the delay.

        Never raises. If the mail cannot be written, the failure is logged, and the entry is given back all the same: it
        comes again to a consumer of this process, with the mail as it was last stored, after the delay and a back-off. The
        consumer is rid of the entry whenever this returns."""
        ...


class MailQueue(Protocol):
    """A named queue of mails.

    *Durable* means: when `enqueue` returns, the mail and its bytes survive a crash of this process and of the machine
    (embedded: one group commit with synchronous=FULL that holds entry and small body together; distributed: blob put,
    then the Cassandra row at QUORUM, then the publisher confirm). Order: by priority, then by the time of readiness; no
    more is promised. Delivery is at least once; (entry, key) pairs make its effects exactly once.
    An entry belongs to the process that accepted it, so the hand-over to `dequeue` in the same process is in memory; others
    take over a dead owner's entries only (embedded: owner and its lock file; distributed: unacknowledged messages).
    Neither edition needs a transaction that spans queue and mailbox: effects are keyed.
    """

    @property
    def name(self) -> str: ...

    async def enqueue(
        self, mail: Mail, *, delay_seconds: float = 0.0, priority: int = NORMAL_PRIORITY, effect: Effect | None = None
    ) -> EntryId:
        """Durable when it returns. With an `effect` already seen nothing is enqueued (the earlier entry's id, or the
        effect's own entry id when it is gone, comes back). Raises `StorageFull`, `TemporaryFailure`."""
        ...

    async def dequeue(self) -> QueueItem:
        """Waits for the next ready mail. Cancelling the wait loses nothing.

        Never raises, whatever the store does: a consumer that dies takes no more mail. An entry that cannot be read stays
        in the queue, does not keep others waiting, and is tried again with a back-off; each kind of failure is logged
        once in a while, not at each try."""
        ...

    async def size(self) -> int:
        """Entries, waiting, delayed and in work. Kept, not counted."""
        ...

    def browse(self, *, delayed: bool | None = None, limit: int | None = None) -> AsyncIterator[QueuedMail]:
        """Entries in enqueue order, in bounded batches; `delayed` filters by whether their time has not come."""
        ...

    async def delete(
        self, *, sender: MailAddress | None = None, name: str | None = None, recipient: MailAddress | None = None
    ) -> int:
        """Removes matching entries (all, when nothing is given) and tells how many. One in work is finished, not retried."""
        ...

    async def flush(self) -> int:
        """Makes all delayed entries ready now."""
        ...


class MailQueues(Protocol):
    """All queues of this server. A queue comes into being at first use.

    Embedded: names in the rows of one table. Distributed: a RabbitMQ queue and a Cassandra partition of the name, declared
    before the first mail; declaring again changes nothing."""

    def queue(self, name: str) -> MailQueue: ...

    async def names(self) -> list[str]:
        """Sorted names of the queues that were used or that hold entries."""
        ...
