"""Decisions of CrowdSec about addresses, from its local API (`GET /v1/decisions?ip=`).

The API answers `null` or a list of decisions, of which those of the type `ban` count; decisions about networks come for
each address in them.
"""

import logging
from typing import TYPE_CHECKING

import orjson
from cachetools import TTLCache

from compostela.base.clock import Clock
from compostela.core.filtering.settings import CrowdsecSettings

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

MAX_REMEMBERED = 10_000
"""Addresses whose answers are kept."""
MAX_ANSWER_BYTES = 1024 * 1024
PAUSE_SECONDS = 5.0
"""Seconds without requests after one that had no answer, so that not every client waits while the API is down."""


class CrowdsecBans:
    """See `compostela.core.filtering.ports.BanList`. To be closed."""

    def __init__(self, settings: CrowdsecSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._answers: TTLCache[str, bool, float] = TTLCache(MAX_REMEMBERED, settings.cache_seconds, clock.monotonic)
        self._paused_until = float("-inf")
        self._session: aiohttp.ClientSession | None = None

    async def bans(self, address: str) -> bool:
        known = self._answers.get(address)
        if known is not None:
            return known
        if self._clock.monotonic() < self._paused_until:
            return False
        banned = await self._ask(address)
        if banned is None:
            self._paused_until = self._clock.monotonic() + PAUSE_SECONDS
            return False
        self._answers[address] = banned
        return banned

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(self, address: str) -> bool | None:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
                headers={"X-Api-Key": self._settings.api_key, "Accept": "application/json", "User-Agent": "compostela"},
            )
        try:
            async with self._session.get(
                f"{self._settings.url}/decisions", params={"ip": address}, allow_redirects=False
            ) as response:
                if response.status != 200:
                    _log.warning("CrowdSec refused to answer", extra={"status": response.status})
                    return None
                data = bytearray()
                async for chunk in response.content.iter_chunked(64 * 1024):
                    data += chunk
                    if len(data) > MAX_ANSWER_BYTES:
                        break
                return _holds_ban(bytes(data))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            _log.warning("CrowdSec could not be asked", extra={"error": f"{type(error).__name__}: {error}"})
            return None


def _holds_ban(answer: bytes) -> bool:
    """Raises ValueError."""
    decisions = orjson.loads(answer)
    if decisions is None:
        return False
    if not isinstance(decisions, list):
        raise ValueError("the answer is no list of decisions")
    return any(isinstance(one, dict) and one.get("type") == "ban" for one in decisions)
