"""The provider's signing keys (JWK Set, RFC 7517 §5), kept between tokens."""

import asyncio
import logging
from typing import TYPE_CHECKING

from compostela.adapters.oidc.http import ProviderHttp
from compostela.base.clock import Clock
from compostela.base.errors import TemporaryFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from joserfc.jwk import KeySet

_log = logging.getLogger(__name__)

FRESH_SECONDS = 600.0
"""After that the set is fetched anew before it is used."""
STALE_SECONDS = 86_400.0
"""For so long keys go on being used when the provider does not answer."""
BETWEEN_FETCHES = 30.0
"""A token that names an unknown key makes no more requests than one in this time: anybody may send such tokens."""
BETWEEN_FAILURES = 3.0


class SigningKeys:
    """Keys by their id. Only keys for asymmetric signatures are kept: a shared secret in a public set would sign for anybody."""

    def __init__(self, http: ProviderHttp, address: "Callable[[], Awaitable[str]]", clock: Clock) -> None:
        self._http = http
        self._address = address
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._tried = float("-inf")
        self._failed = False
        self._lock = asyncio.Lock()

    async def for_key_id(self, key_id: str | None) -> "KeySet":
        """The set, fetched anew when it is old or lacks that key. Raises `TemporaryFailure` when there is none to be had."""
        keys = self._keys
        if keys is not None and self._age() < FRESH_SECONDS and _has(keys, key_id):
            return keys
        async with self._lock:
            # another token may have waited for the same fetch
            if self._keys is None or self._age() >= FRESH_SECONDS or not _has(self._keys, key_id):
                await self._fetch_unless_lately()
            keys = self._keys
        if keys is None or self._age() > STALE_SECONDS:
            raise TemporaryFailure("the identity provider's keys cannot be had")
        return keys

    def _age(self) -> float:
        return self._clock.monotonic() - self._fetched

    async def _fetch_unless_lately(self) -> None:
        now = self._clock.monotonic()
        if now - self._tried < (BETWEEN_FAILURES if self._failed else BETWEEN_FETCHES):
            return
        self._tried = now
        try:
            self._keys = await self._fetch()
            self._fetched, self._failed = now, False
        except TemporaryFailure as error:
            self._failed = True
            _log.warning("the identity provider's keys cannot be fetched", extra={"problem": str(error)})

    async def _fetch(self) -> "KeySet":
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

        address = await self._address()
        status, answer = await self._http.get(address)
        listed = answer.get("keys")
        if status != 200 or not isinstance(listed, list):
            raise TemporaryFailure(f"{address} answered {status} and no key set")
        kinds: dict[object, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
        found: list[RSAKey | ECKey | OKPKey] = []
        for one in listed:
            if not isinstance(one, dict) or one.get("kty") not in kinds or one.get("use", "sig") != "sig":
                continue
            try:
                found.append(kinds[one["kty"]].import_key(one))
            except (JoseError, ValueError, TypeError) as error:
                # RFC 7517 §5: what is not understood is left out
                _log.warning(
                    "a key of the identity provider is left out", extra={"kid": one.get("kid"), "problem": str(error)}
                )
        return KeySet(list(found))


def _has(keys: "KeySet", key_id: str | None) -> bool:
    return key_id is None or any(key.kid == key_id for key in keys.keys)
