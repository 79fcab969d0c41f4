"""The store of vacation settings and of the senders that have had an answer."""

from typing import Protocol

from compostela.core.vacation.model import Vacation
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId
from compostela.model.username import Username


class VacationStore(Protocol):
    """One vacation a user, and the senders who were answered.

    What was written is durable and seen by all processes when a call returns. Embedded: a row a user and a row a sender; expired
    rows of a user go when the next sender is answered. Distributed: a row a user; a sender's row is a conditional write
    whose engine removes it after its time (TTL). The existence of users is not checked."""

    async def get(self, user: Username) -> Vacation:
        """`NO_VACATION` if none was set."""
        ...

    async def set(self, user: Username, vacation: Vacation) -> None:
        """Replace the settings and forget the answered senders, as one step: a new text may go to everyone again. May be repeated.
        Raises `StorageFull`, `TemporaryFailure`."""
        ...

    async def clear(self, user: Username) -> None:
        """As `set` of `NO_VACATION`, and needs no room."""
        ...

    async def move(self, user: Username, new: Username) -> None:
        """Give the settings of `user`, and its answered senders, to `new`, as one step. Settings that `new` has already stay. May be
        repeated. Raises `TemporaryFailure`."""
        ...

    async def claim(self, user: Username, sender: MailAddress, entry: EntryId, now: float, until: float) -> bool:
        """Take the right to answer `sender` until then (epoch seconds). Return True for one queue entry only, however many ask at
        once, and for that entry at each repeat: the answer of a run that was cut off is still sent. Return False if
        as many senders as the store keeps a user were answered. Raises `StorageFull`, `TemporaryFailure`."""
        ...
