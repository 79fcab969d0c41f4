"""Judges outside of the server: of messages, and of clients' addresses."""

from dataclasses import dataclass
from typing import Protocol

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import MessageContent


class FilterUnavailable(TemporaryFailure):
    """The judge said nothing that could be understood, in the time that it has."""


@dataclass(frozen=True, slots=True)
class SpamVerdict:
    """What a scanner thinks of a message. A score of `required` and more is spam by the scanner's own settings."""

    is_spam: bool
    score: float
    required: float


class SpamScanner(Protocol):
    """Looks at whole messages. Embedded and distributed alike: nothing is kept."""

    async def scan(self, content: MessageContent) -> SpamVerdict:
        """Raises `FilterUnavailable`, after a time of its own at the latest."""
        ...


@dataclass(frozen=True, slots=True)
class SeenTriplet:
    """A client that has tried to write from a sender to a recipient. Times are epoch seconds."""

    since: float
    """The first attempt."""
    until: float
    """It is forgotten then."""
    has_passed: bool
    """The client has come again in time."""


class BanList(Protocol):
    """Addresses that are to be turned away. Embedded and distributed alike: each process asks and remembers for itself, for
    seconds."""

    async def bans(self, address: str) -> bool:
        """Answers within a time of its own. False when nothing can be learnt: who guards the server must not be able to
        stop it. Never raises."""
        ...


class GreylistStore(Protocol):
    """Triplets of client, sender and recipient that were seen, under keys of 16 octets.

    What was remembered is durable and seen by all processes when `remember` returns; of two that remember the same key at once
    either may win. In a flood those may be forgotten early whose time ends first. Embedded: one row a key, a million at most;
    those past their time go with the garbage. Distributed: one row a key, which the engine itself removes after its time
    (TTL); nodes may differ for as long as replication takes, which costs a client one more attempt at worst."""

    async def find(self, key: bytes) -> SeenTriplet | None:
        """What was remembered; it may be past its time."""
        ...

    async def remember(self, key: bytes, seen: SeenTriplet) -> None:
        """In place of what was there. Raises `StorageFull`, `TemporaryFailure`."""
        ...
