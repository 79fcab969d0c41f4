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
