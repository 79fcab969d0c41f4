"""Judges outside of the server: of messages, and of clients' addresses."""

from collections.abc import Callable, Sequence
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

    @property
    def flag(self) -> str:
        """`YES` or `NO`, as mail attributes and header fields have it."""
        return "YES" if self.is_spam else "NO"

    @property
    def status(self) -> str:
        """As `Yes, hits=7.5 required=5.0`."""
        return f"{self.flag.capitalize()}, hits={self.score} required={self.required}"


class SpamScanner(Protocol):
    """Looks at whole messages. Embedded and distributed alike: nothing is kept."""

    async def scan(self, content: MessageContent) -> SpamVerdict:
        """Raises `FilterUnavailable`, after a time of its own at the latest."""
        ...


class VirusScanner(Protocol):
    """Looks for malicious software in whole messages. Embedded and distributed alike: nothing is kept."""

    async def scan(self, content: MessageContent) -> str | None:
        """Return the name of what was found, None if nothing was. Raises `FilterUnavailable`, after a time of its own at the latest."""
        ...


@dataclass(frozen=True, slots=True)
class MailFacts:
    """What a judge may know of a mail beside its octets; "" for what is not known."""

    name: str
    sender: str
    recipients: Sequence[str]
    address: str
    helo: str
    user: str
    """The login that gave the mail to this server."""
    deliver_to: str = ""
    """The recipient whose own statistics count."""


@dataclass(frozen=True, slots=True)
class RspamdVerdict:
    """What rspamd thinks of a mail. `action` is one of its words, as `no action` or `reject`."""

    action: str
    score: float
    required: float
    subject: str | None
    """The subject that it proposes."""
    has_virus: bool


class MailJudge(Protocol):
    """Rspamd: looks at a message and at what is known of its way. Embedded and distributed alike: nothing is kept."""

    async def judge(self, content: MessageContent, facts: MailFacts) -> RspamdVerdict:
        """Raises `FilterUnavailable`, after a time of its own at the latest."""
        ...


@dataclass(frozen=True, slots=True)
class Scanners:
    """How scanners are made from what a mailet's settings say. The last number of each is seconds for an answer, but for clamd the octets
    that it gets at a time."""

    spamd: Callable[[str, int, float], SpamScanner]
    clamd: Callable[[str, int, float, int], VirusScanner]
    rspamd: Callable[[str, str, float], MailJudge]


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
        """Whether the address is banned. Answers within a time-out of its own, with False if the service cannot be asked: a broken
        filter must not stop the server. Never raises."""
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
