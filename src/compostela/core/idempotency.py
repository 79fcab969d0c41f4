"""Exactly once inside: the keyed effects of a pipeline run.

A run over a queue entry may be cut off anywhere and is then run again from the start. Each effect that it has on our own
stores (append to a mailbox, enqueue, store in a repository) carries the entry's id and a key that comes out the same in
the second run; the port that has seen (entry, key) does nothing and answers as if it had.

Two runs over one entry may also go on at once: a process that was believed dead goes on after another has finished the entry
(a zombie). So a port applies a keyed effect only while the entry exists: after `done`, after a deletion, and after the end of an
unqueued run, no effect of that entry changes anything. The port then answers as if the effect had happened before.

Everything that a run creates is named by its key (see `processing.pipeline_run`), so both runs make the same thing.

The last effect of a run is named as such (`Effect.is_last`). A port may then end the entry together with it, in one transaction: that
saves a key and a write. The consumer calls `done` in any case, which does what is left to do.

Embedded: (entry, key) is a row written in the effect's own transaction, removed with the entry. The same transaction looks
whether the entry still exists, so the end of an entry and its effects have one order. Distributed: the key is part of the
written row's primary key or guarded by a conditional write. There is no transaction over entry and effect, so the keys outlive
the entry: they expire after a time that is longer than any run (10 days).
"""

from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import blake2b

from compostela.model.numbers import EffectKey, EntryId


@dataclass(frozen=True, slots=True)
class Effect:
    """Names one effect: the entry, and within it processor, pair, recipient or recipient set, target and ordinal."""

    entry: EntryId
    key: EffectKey
    is_last: bool = field(default=False, compare=False)
    """Nothing else of the run is left to do once this has happened. No part of its identity."""

    @property
    def token(self) -> str:
        """Eight characters that identify the effect, the same in every run: for the names of what it creates."""
        return b32encode(blake2b(f"{self.entry}\n{self.key}".encode(), digest_size=5).digest()).decode().lower()
