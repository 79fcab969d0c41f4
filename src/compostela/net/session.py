"""What a connection asks of the session that speaks over it. A session has its `Connection`, and each protocol has a class of sessions."""

import enum
import logging
from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from compostela.model.username import Username


class CloseReason(enum.Enum):
    """Why the server ends a session."""

    SHUTDOWN = "the server stops"
    SILENCE = "nothing came for too long"
    LIFESPAN = "the connection has been there for too long"
    REMOVED = "the account is removed"
    DISCONNECTED = "an administrator ends the connection"


class Engine(Protocol):
    """The reading side of a protocol."""

    def receive(self, octets: bytes) -> None: ...

    @property
    def buffered(self) -> int: ...


class Session(ABC):
    """One client's dialogue. When it is made it gives its engine to the connection. After `lost` the connection asks nothing more."""

    __slots__ = ()

    log: ClassVar[logging.Logger]
    """Of the protocol."""
    protocol: ClassVar[str]
    """Its name."""

    @abstractmethod
    def begin(self) -> None:
        """The connection is there: admit the client and greet it."""

    @abstractmethod
    async def work(self) -> None:
        """Deal with the engine's events until none is left; the last call is that of `Connection.rest`. Octets that arrive start it as a
        task; there is one task at a time. It may also await `Connection.rest_until_input` in a loop, and so end with the connection."""

    @abstractmethod
    def has_work(self) -> bool:
        """Whether a transaction, or whatever else must not be cut through, has begun; what the server does at this moment counts by
        itself."""

    @abstractmethod
    def announce_close(self, reason: CloseReason) -> None:
        """End the session with the protocol's words for the reason. Nothing runs then."""

    def is_short(self) -> bool:
        """Return True if the next work is short enough to run at once, inside `data_received`. Other work becomes a task, which starts in
        the next round of the event loop. Called only while no work is running. Short work must not call third-party code (see
        `net.first_step`)."""
        return False

    def lost(self) -> None:
        """The connection is no more. A task that runs still ends by itself."""

    def half_closed(self) -> bool:
        """The client has no more to say. Return True to keep the connection for answers."""
        return False

    def look_at_time(self, now: float) -> None:
        """Called every few seconds. `now` is the loop's time."""

    @property
    def login(self) -> Username | None:
        """The user that has logged in."""
        return None

    @property
    def details(self) -> dict[str, str]:
        """What the protocol tells administrators of a connection, by James's names."""
        return {}
