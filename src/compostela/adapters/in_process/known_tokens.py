"""Access tokens that are known to be good in this process."""

from cachetools import FIFOCache

from compostela.base.clock import Clock
from compostela.core.authentication.known_tokens import KnownToken

MAX_KNOWN = 10_000


class InProcessKnownTokens:
    """See `compostela.core.authentication.known_tokens`."""

    def __init__(self, clock: Clock, most: int = MAX_KNOWN) -> None:
        self._clock = clock
        self._tokens: FIFOCache[str, tuple[KnownToken, float]] = FIFOCache(most)

    async def find(self, digest: str) -> KnownToken | None:
        found = self._tokens.get(digest)
        if found is None or found[1] <= self._clock.monotonic():
            return None
        return found[0]

    async def keep(self, digest: str, token: KnownToken, seconds: float) -> None:
        self._tokens[digest] = (token, self._clock.monotonic() + seconds)
