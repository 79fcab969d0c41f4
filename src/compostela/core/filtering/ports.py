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


class BanList(Protocol):
    """Addresses that are to be turned away. Embedded and distributed alike: each process asks and remembers for itself, for
    seconds."""

    async def bans(self, address: str) -> bool:
        """Answers within a time of its own. False when nothing can be learnt: who guards the server must not be able to
        stop it. Never raises."""
        ...
