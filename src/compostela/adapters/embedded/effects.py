"""Which effects of a queue entry have happened: see `compostela.core.idempotency`."""

from compostela.adapters.embedded.writer import Transaction
from compostela.core.idempotency import Effect
from compostela.model.numbers import EntryId


def recall(tx: Transaction, effect: Effect) -> bytes | None:
    """The result of an effect that has happened, None for one that has not."""
    row = tx.execute("SELECT result FROM effect WHERE entry = ? AND key = ?", (effect.entry, effect.key)).fetchone()
    return None if row is None else row[0]


def remember(tx: Transaction, effect: Effect, result: bytes) -> None:
    """In the transaction of the effect itself."""
    tx.execute("INSERT INTO effect VALUES (?, ?, ?)", (effect.entry, effect.key, result))


def forget(tx: Transaction, entry: EntryId) -> None:
    """With the entry itself: nobody will run it again."""
    tx.execute("DELETE FROM effect WHERE entry = ?", (entry,))
