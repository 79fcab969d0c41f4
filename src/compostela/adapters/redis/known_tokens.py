"""Access tokens that are known to be good on all nodes."""

import logging

import msgspec

from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.keys import EXPIRY_MARGIN_SECONDS, PREFIX
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.known_tokens import KnownToken

_log = logging.getLogger(__name__)

_AWAY = "identity providers are asked again while Redis is away"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str, str, float]).decode


class RedisKnownTokens:
    """See `compostela.core.authentication.known_tokens`. A value names its own end: Redis may drop it later."""

    def __init__(self, engine: RedisEngine, clock: Clock, prefix: str = PREFIX) -> None:
        self._engine = engine
        self._clock = clock
        self._prefix = f"{prefix}:token:"
        self._complaints = Complaints(_log, clock)

    async def find(self, digest: str) -> KnownToken | None:
        try:
            found = await self._engine.read("GET", self._prefix + digest)
        except TemporaryFailure as error:
            self._complaints.error(_AWAY, error)
            return None
        if not isinstance(found, bytes):
            return None
        user, session, ends_at = _decode(found)
        return KnownToken(user, session) if self._clock.now() < ends_at else None

    async def keep(self, digest: str, token: KnownToken, seconds: float) -> None:
        value = _encode((token.user, token.session, self._clock.now() + seconds))
        expiry = int((seconds + EXPIRY_MARGIN_SECONDS) * 1000)
        try:
            await self._engine.read("SET", self._prefix + digest, value, "PX", expiry)
        except TemporaryFailure as error:
            self._complaints.error(_AWAY, error)
