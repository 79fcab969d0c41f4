"""Ports around mails that are processed outside a queue."""

from typing import Protocol

from compostela.model.numbers import EntryId

KEPT_DAYS = 7
"""How long an unfinished run is remembered: longer than senders go on trying (RFC 5321 §4.5.4.1 says four to five days)."""


class UnqueuedRuns(Protocol):
    """Pipeline runs over mails that are in no queue (LMTP through the mail container).

    The client keeps such a mail until it is told that all is done; when a run fails or is cut off, it gives the mail again. The
    second run takes up the first: it goes under the same entry id, so what happened before does not happen again.

    A run has a state: *running* (in a process), *interrupted*, or *finished*. A finished run is forgotten: an equal mail that
    comes later is a new mail, and what goes on under the finished run's id has no effect (see `core.idempotency`).

    Embedded: a row with the process that runs it, written before the run begins. A run whose process has died is interrupted.
    Distributed: a row of the mark, written by a conditional write at QUORUM, that expires."""

    async def entry(self, mark: bytes) -> EntryId:
        """The id of the interrupted run over the mail with this mark (a digest of what makes it the same mail), else a new one;
        durable. It is running then. While another process runs it, this waits: for the caller the mail is the same if that run
        is interrupted, and a new one if it finishes. One caller of a process at a time may run under an id. Raises
        `StorageFull`, `TemporaryFailure`."""
        ...

    async def interrupt(self, entry: EntryId) -> None:
        """The run ended without success. Raises `TemporaryFailure`; repeating it is harmless."""
        ...

    async def finish(self, entry: EntryId) -> None:
        """Ends the run, durably, and forgets it with its effects. Works on a full disk, from the reserve. Raises
        `TemporaryFailure` when the end is not known to be durable; repeating it is harmless."""
        ...
