"""Decisions of CrowdSec about addresses, from its local API (`GET /v1/decisions?ip=`).

The API answers `null` or a list of decisions, of which those of the type `ban` count; decisions about networks come for
each address in them.
"""

import logging
from urllib.parse import urlencode

import orjson
from cachetools import TTLCache

from compostela.base.clock import Clock
from compostela.base.http_client import HttpClient, HttpFailure
from compostela.core.filtering.settings import CrowdsecSettings

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
        self._client = HttpClient(settings.timeout_seconds, MAX_ANSWER_BYTES)
        self._headers = {"X-Api-Key": settings.api_key, "Accept": "application/json"}

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
        await self._client.close()

    async def _ask(self, address: str) -> bool | None:
        try:
            answer = await self._client.get(
                f"{self._settings.url}/decisions?{urlencode({'ip': address})}", self._headers
            )
            if answer.status == 200:
                return _holds_ban(answer.body)
            _log.warning("CrowdSec refused to answer", extra={"status": answer.status})
        except (HttpFailure, ValueError) as error:
            _log.warning("CrowdSec could not be asked", extra={"error": str(error)})
        return None


def _holds_ban(answer: bytes) -> bool:
    """Raises ValueError."""
    decisions = orjson.loads(answer)
    if decisions is None:
        return False
    if not isinstance(decisions, list):
        raise ValueError("the answer is no list of decisions")
    return any(isinstance(one, dict) and one.get("type") == "ban" for one in decisions)
