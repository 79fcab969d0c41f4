"""How many entries each queue has: a row a queue, changed in the transaction that adds or removes entries."""

from compostela.adapters.embedded.writer import Transaction

_COUNT = "INSERT INTO queue VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET size = size + ?2"


def count_entries(tx: Transaction, queue: str, change: int) -> None:
    """`change` is 1 for an entry more, -1 for one less."""
    tx.execute(_COUNT, (queue, change))
