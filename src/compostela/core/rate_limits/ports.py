"""How much of something a key may do in a time."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `quantity` in any `window_seconds`."""

    quantity: int
    window_seconds: float


class RateLimits(Protocol):
    """Sliding windows by key: mails by sender, recipients by sender, connections by address.

    A window is estimated from its present and its last part, weighted by time: what is allowed in any span of the window's length
    is the limit, give or take the unevenness of the last part. Taking is atomic, nothing is durable, and those unused for longest may be
    forgotten early in a flood. No method raises: an implementation that cannot reach its engine counts in its process
    meanwhile. Embedded: in the memory of the process. Distributed: two counters with an expiry in Redis, in one script."""

    async def take(self, key: str, quantity: int, limit: RateLimit) -> bool:
        """Take a quantity (at least 0). Return False, and take nothing, if the limit would be passed."""
        ...


class ConnectionCounts(Protocol):
    """Open connections, by server and by the client's address.

    Counting and looking at the limits is one step, for all processes that listen on the same sockets. Nothing is durable, and no method
    raises or waits for input or output. What a dead process has counted goes.
    Embedded and distributed alike: in the memory of the process, or for worker processes of one machine in memory that they share."""

    def enter(self, server: str, address: str | None, *, most: int, most_of_address: int) -> bool:
        """Count a connection in. Return False, and count nothing, if the server has `most` connections already, or
        `most_of_address` from this address; 0 is no limit. With `address=None` (not known yet) only the first limit applies."""
        ...

    def leave(self, server: str, address: str | None) -> None:
        """Count a connection out that `enter` has counted in, with the same address."""
        ...
