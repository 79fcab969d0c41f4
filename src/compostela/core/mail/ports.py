"""Ports around mails that are processed outside a queue."""

from typing import Protocol

from compostela.model.numbers import EntryId

KEPT_DAYS = 7
"""How long an unfinished run is remembered: longer than senders go on trying (RFC 5321 §4.5.4.1 says four to five days)."""


class UnqueuedRuns(Protocol):
    """Pipeline runs over mails that stand in no queue (LMTP through the mail container).

    The client keeps such a mail until it is told that all is done; when a run fails or is cut off, it gives the mail again. The second
    run takes up the first: it goes under the same entry id, so what happened before does not happen again.

    Embedded: a run is unfinished while effects of its entry are kept; its id begins with the mark. Distributed: the id stands in a
    row of the mark, written at QUORUM before the run begins, and expires with it.
    """

    async def entry(self, mark: bytes) -> EntryId:
        """The id of the unfinished run over the mail with this mark (a digest of what makes it the same mail), else a new one. One
        caller at a time may run under an id."""
        ...

    async def finish(self, entry: EntryId) -> None:
        """Forgets the run with its effects, durably. Works on a full disk, from the reserve."""
        ...
