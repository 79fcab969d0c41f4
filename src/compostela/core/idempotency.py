"""Exactly once inside: the keyed effects of a pipeline run.

A run over a queue entry may be cut off anywhere and is then run again from the start. Each effect that it has on our own
stores (append to a mailbox, enqueue, store in a repository) carries the entry's id and a key that comes out the same in
the second run; the port that has seen (entry, key) does nothing and answers as if it had.

Embedded: (entry, key) is a row written in the effect's own transaction, removed with the entry. Distributed: the key is
part of the written row's primary key or guarded by a conditional write. The keys live as long as the entry.
"""

from dataclasses import dataclass

from compostela.model.numbers import EffectKey, EntryId


@dataclass(frozen=True, slots=True)
class Effect:
    """Names one effect: the entry, and within it processor, pair, recipient or recipient set, target and ordinal."""

    entry: EntryId
    key: EffectKey
