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
_RECALL = "SELECT result FROM effect WHERE entry = ? AND key = ?"
_RECALL_QUEUED = "SELECT (SELECT result FROM effect WHERE entry = ?1 AND key = ?2), EXISTS (SELECT 1 FROM queue_entry WHERE entry = ?1)"
_END = "DELETE FROM queue_entry WHERE entry = ?"

EndedEntries = set[EntryId]
"""Queue entries of this process that were removed together with the last effect of their run, until their consumer calls `done`."""


def recall(tx: Transaction, effect: Effect, if_over: bytes) -> bytes | None:
    """The result of an effect that has happened, and `if_over` when the entry no longer exists. None for an effect that is
    to happen now."""
    if effect.entry.startswith(QUEUED):
        # nearly always: one statement tells both
        result, is_there = tx.execute(_RECALL_QUEUED, (effect.entry, effect.key)).fetchone()
    else:
        row = tx.execute(_RECALL, (effect.entry, effect.key)).fetchone()
        result, is_there = (None, not is_over(tx, effect.entry)) if row is None else (row[0], True)
    if result is not None:
        known: bytes = result
        return known
    return None if is_there else if_over


def is_over(tx: Transaction, entry: EntryId) -> bool:
    """Whether the entry was there and is gone."""
    for form, statement in _EXISTS.items():
        if entry.startswith(form):
            key = int(entry[len(form) :]) if form == STORED else entry
            return tx.execute(statement, (key,)).fetchone() is None
    return False


def remember(tx: Transaction, effect: Effect, result: bytes, ended: EndedEntries | None = None) -> None:
    """In the transaction of the effect itself. The last effect of a queue entry ends the entry if `ended` is given."""
    if ended is not None and effect.is_last and effect.entry.startswith(QUEUED):
        tx.execute(_END, (effect.entry,))
        forget(tx, effect.entry)
        tx.after_commit.append(lambda: ended.add(effect.entry))
    else:
        tx.execute("INSERT INTO effect VALUES (?, ?, ?)", (effect.entry, effect.key, result))


def forget(tx: Transaction, entry: EntryId) -> None:
    """With the entry itself: no run of it has an effect any more."""
    tx.execute("DELETE FROM effect WHERE entry = ?", (entry,))
