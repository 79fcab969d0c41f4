"""Where failed logins, bans and recent logins are kept: short-lived, and shared by the nodes of a cluster."""

from dataclasses import dataclass
from typing import Protocol

KEPT_LOGIN_SECONDS = 30 * 86400.0
"""How long a login is known at least."""


@dataclass(frozen=True, slots=True)
class Ban:
    """An address that is shut out: itself, or for IPv6 its network of 64 bits."""

    address: str
    failures: int
    until: float
    """Epoch seconds."""


class FailedLogins(Protocol):
    """Different failed attempts by key, each key with a window that begins with its first attempt.

    Counting is atomic, and nothing is durable: a guesser gains a restart at most. Those that failed longest ago may be forgotten early in a
    flood. No method raises: an implementation that cannot reach its engine counts in its process meanwhile, so that a broken engine
    neither lets guessers go on nor keeps users out. Embedded: in the memory of the process. Distributed: a set with an expiry
    in Redis."""

    async def count(self, key: str, attempt: bytes, *, window_seconds: float, most: int) -> int:
        """Note an attempt and return how many different ones the window has. Beyond `most` they need not be told apart."""
        ...

    async def forget(self, key: str) -> None: ...

    async def forget_all(self) -> None: ...


class Bans(Protocol):
    """Addresses that are shut out until a time.

    A ban is in force for all processes when `add` returns, and ends by itself; nothing is durable. Those that were added first may be
    forgotten early in a flood. No method raises, as with `FailedLogins`. Embedded: in the memory of the process.
    Distributed: a value with an expiry in Redis."""

    async def add(self, ban: Ban) -> None:
        """In place of an earlier one of the address."""
        ...

    async def find(self, address: str) -> Ban | None:
        """The ban of exactly this address that is in force."""
        ...

    async def all(self) -> list[Ban]:
        """Those in force, the oldest first."""
        ...

    async def remove(self, address: str) -> bool:
        """False if none was in force."""
        ...

    async def remove_all(self) -> bool:
        """False if none was in force."""
        ...


class RecentLogins(Protocol):
    """Addresses from which somebody has logged in lately, for POP before SMTP.

    Nothing is durable: mail programs log in every few minutes. The address whose login is longest ago may be forgotten early in a
    flood. No method raises, as with `FailedLogins`. Embedded: in the memory of the process. Distributed: a value with an expiry
    in Redis."""

    async def note(self, address: str) -> None:
        """A login, now. Seen by all processes when it returns."""
        ...

    async def within(self, address: str, seconds: float) -> bool:
        """Return True if the last login from there is no longer ago than that; of logins longer ago than `KEPT_LOGIN_SECONDS`
        nothing may be known."""
        ...
