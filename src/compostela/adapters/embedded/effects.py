"""Which effects of an entry have happened: see `compostela.core.idempotency`.

The form of an entry's id tells where the entry lives: `q-…` in a queue, `run-…` among the unqueued runs, `stored:…` in a
repository. An id of another form (queue entries of earlier releases) has no end that could be looked up.
"""

from compostela.adapters.embedded.writer import Transaction
from compostela.core.idempotency import Effect
from compostela.model.numbers import EntryId

QUEUED = "q-"
RUN = "run-"
STORED = "stored:"
_EXISTS = {
    QUEUED: "SELECT 1 FROM queue_entry WHERE entry = ?",
    RUN: "SELECT 1 FROM unqueued_run WHERE entry = ?",
    STORED: "SELECT 1 FROM repository_mail WHERE id = ?",
}


def recall(tx: Transaction, effect: Effect, if_over: bytes) -> bytes | None:
    """The result of an effect that has happened, and `if_over` when the entry no longer exists. None for an effect that is
    to happen now."""
    row = tx.execute("SELECT result FROM effect WHERE entry = ? AND key = ?", (effect.entry, effect.key)).fetchone()
    if row is not None:
        result: bytes = row[0]
        return result
    return if_over if is_over(tx, effect.entry) else None


def is_over(tx: Transaction, entry: EntryId) -> bool:
    """Whether the entry was there and is gone."""
    for form, statement in _EXISTS.items():
        if entry.startswith(form):
            key = int(entry[len(form) :]) if form == STORED else entry
            return tx.execute(statement, (key,)).fetchone() is None
    return False


def remember(tx: Transaction, effect: Effect, result: bytes) -> None:
    """In the transaction of the effect itself."""
    tx.execute("INSERT INTO effect VALUES (?, ?, ?)", (effect.entry, effect.key, result))


def forget(tx: Transaction, entry: EntryId) -> None:
    """With the entry itself: no run of it has an effect any more."""
    tx.execute("DELETE FROM effect WHERE entry = ?", (entry,))
