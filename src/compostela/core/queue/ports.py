"""The mail queue: durable hand-over from the servers that accept mail to the consumers that process it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.core.queue.model import EVERYTHING, NORMAL_PRIORITY, QueuedMail, Selection
from compostela.model.numbers import EntryId

MAX_DEATHS_ALONE = 3
"""A consumer parks an entry whose process died so often while it was the only one in work."""

Turn = Callable[[float], Awaitable[None]]
"""Awaited with the seconds that an entry has been ready, before the entry counts as in work."""


class QueueItem(Protocol):
    """A mail handed to one consumer. The entry is *in work* from `dequeue` until one of `done`, `retry` and `give_back`
    returns. If the process dies in between, the entry comes again to any process that consumes the queue (embedded: when the
    lock file of the dead process is free; distributed: when its channel closes)."""

    @property
    def entry(self) -> EntryId: ...

    @property
    def mail(self) -> Mail: ...

    @property
    def attempts(self) -> int:
        """How often a process died while it had this entry in work, since the last `retry`. An entry that waits, an orderly
        stop, `give_back` and a power loss count nothing. From the second death on the queue hands the entry out while its
        process has no other entry of any queue in work; see `deaths_alone`."""
        ...

    @property
    def deaths_alone(self) -> int:
        """How many of these deaths came while the queue kept all other entries waiting for this one. From `MAX_DEATHS_ALONE` on the
        consumer does not process the mail: it stores it in the error repository with the reason and calls `done`."""
        ...

    async def done(self) -> None:
        """Removes the entry, durably. From then on no effect of the entry changes anything: see `core.idempotency`. Works on a
        full disk, from the reserve. Raises `TemporaryFailure` when the removal is not known to be done: the consumer still has
        the entry and calls `retry`. Calling it again is harmless."""
        ...

    async def retry(self, mail: Mail, delay_seconds: float = 0.0) -> None:
        """Puts the entry back under the same id with the mail as it is now, durably, ready after the delay.

        Never raises. If the mail cannot be written, the failure is logged, and the entry is given back all the same: it
        comes again with the mail as it was last stored, after the delay and a back-off. The consumer is rid of the entry
        whenever this returns."""
        ...

    async def give_back(self) -> None:
        """Puts the entry back as it was last stored, ready at once, without counting an attempt: for a consumer that is being
        stopped. Never raises. Needs no write."""
        ...


class MailQueue(Protocol):
    """A named queue of mails.

    *Durable* means: when `enqueue` returns, the mail and its bytes survive a crash of this process and of the machine
    (embedded: one group commit with synchronous=FULL that holds entry and small body together; distributed: blob put,
    then the Cassandra row at QUORUM, then the publisher confirm). Delivery is at least once; (entry, key) pairs make its
    effects exactly once.
    *Order*: by priority, then by the time of readiness, among the entries that this process has at hand; no more is promised.
    *No process owns an entry.* Each entry goes to one consumer of any process. A process that never calls `dequeue` only
    accepts; its entries go to the others at once (embedded: a hint, and a look every 2 s; then one UPDATE claims them). Entries
    that wait for more than 2 s in a busy process are claimed by an idle one. Entries of a dead process are claimed by any.
    Neither edition needs a transaction that spans queue and mailbox: effects are keyed.
    """

    @property
    def name(self) -> str: ...

    async def enqueue(
        self, mail: Mail, *, delay_seconds: float = 0.0, priority: int = NORMAL_PRIORITY, effect: Effect | None = None
    ) -> EntryId:
        """Durable when it returns. With an `effect` already seen, or of an entry that is done, nothing is enqueued (the earlier
        entry's id, or the effect's own entry id, comes back). Raises `StorageFull`, `TemporaryFailure`: a caller that repeats
        without an effect may enqueue the mail twice."""
        ...

    async def dequeue(self, turn: Turn | None = None) -> QueueItem:
        """Waits for the next ready mail. Cancelling the wait loses nothing.

        Never raises, whatever the store does: a consumer that dies takes no more mail. An entry that cannot be read stays
        in the queue, does not keep others waiting, and is tried again with a back-off; each kind of failure is logged
        once in a while, not at each try."""
        ...

    async def size(self) -> int:
        """Entries, waiting, delayed and in work. Kept, not counted. Exact for the calls of this process; those of others are
        seen within a second (embedded: at once)."""
        ...

    def browse(self, *, delayed: bool | None = None, limit: int | None = None) -> AsyncIterator[QueuedMail]:
        """Entries in enqueue order, in bounded batches; `delayed` filters by whether their time has not come. None comes
        twice, and none that was done before the listing began."""
        ...

    async def delete(self, chosen: Selection = EVERYTHING) -> int:
        """Removes the chosen entries and returns how many. A deleted entry has no further effect and does not come again, also
        when it is in work. Cut off in its middle it may be repeated."""
        ...

    async def hold(self, chosen: Selection = EVERYTHING) -> int:
        """Keeps the chosen entries that are in the queue now from all consumers, durably, until they are released; returns how many
        were not held before. An entry in work goes on: it may be passed over here, or be held from its retry on. Cut off in its
        middle it may be repeated."""
        ...

    async def release(self, chosen: Selection = EVERYTHING) -> int:
        """Lets held entries wait again for the time they waited for, and returns how many. One that was in work when it was held,
        and still is, may be passed over. Cut off in its middle it may be repeated."""
        ...

    async def flush(self, chosen: Selection = EVERYTHING) -> int:
        """Makes the chosen delayed entries ready now, in whatever process they wait. Held ones stay held."""
        ...


class MailQueues(Protocol):
    """All queues of this server. A queue comes into being at first use.

    Embedded: names in the rows of one table. Distributed: a RabbitMQ queue and a Cassandra partition of the name, declared
    before the first mail; declaring again changes nothing."""

    def queue(self, name: str) -> MailQueue: ...

    async def names(self) -> list[str]:
        """Sorted names of the queues that were used or that hold entries."""
        ...
