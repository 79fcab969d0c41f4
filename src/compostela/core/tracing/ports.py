"""What happened to mails: recorded events, kept for some days."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec


class TraceEvent(msgspec.Struct, frozen=True, array_like=True):
    """One thing that happened."""

    at: float
    """Epoch seconds."""
    mail: str
    """The name of the mail, or of the part of it."""
    what: str
    """A fixed word: `arrived`, `taken up`, `step`, `split off`, `attempt`, `deferred`, `failed`, `end`."""
    place: str = ""
    """A processor, or a next hop."""
    by: str = ""
    """Matcher and mailet of a step."""
    recipients: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    """What changed, or what was said, in words."""


class TraceBatch(NamedTuple):
    """Events of one mail and its parts that are written together."""

    trace: str
    """The id that ties together what happens to a mail (and to others of its SMTP session)."""
    mail: str
    """The name under which the mail was accepted."""
    events: Sequence[TraceEvent]


class TraceStore(Protocol):
    """Events of mails, for administrators to look at. Losing some does no harm to any mail.

    Embedded: rows of the data folder. Distributed: rows in Cassandra that end by their TTL. In both the oldest make room for new
    ones."""

    async def add(self, batches: Sequence[TraceBatch], now: float, until: float, max_bytes: int) -> None:
        """Events are kept until about then (epoch seconds, as `now`). When all that is kept takes more than about `max_bytes`, the
        oldest is removed. Raises `TemporaryFailure`, `StorageFull`."""
        ...

    async def read(self, id: str) -> list[TraceEvent]:
        """Of the trace with this id, or of the mail with this name: by their time, at most `MAX_READ_EVENTS`. Raises
        `TemporaryFailure`."""
        ...


MAX_READ_EVENTS = 10_000
