"""Access tokens that are known to be good in this process."""

from cachetools import TLRUCache

from compostela.base.clock import Clock
from compostela.core.authentication.known_tokens import KnownToken

MAX_KNOWN = 10_000


class InProcessKnownTokens:
    """See `compostela.core.authentication.known_tokens`."""

    def __init__(self, clock: Clock, most: int = MAX_KNOWN) -> None:
        self._clock = clock
        self._tokens: TLRUCache[str, tuple[KnownToken, float]] = TLRUCache(
            most, ttu=lambda _digest, kept, _now: kept[1], timer=clock.monotonic
        )

    async def find(self, digest: str) -> KnownToken | None:
        found = self._tokens.get(digest)
        return None if found is None else found[0]

    async def keep(self, digest: str, token: KnownToken, seconds: float) -> None:
        self._tokens[digest] = (token, self._clock.monotonic() + seconds)
