"""MTA-STS policies of other domains: fetched and remembered (RFC 8461)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from compostela.model.domain import Domain

FetchPolicy = Callable[[str, str], Awaitable[str]]
"""Host and path -> the text, over HTTPS with a valid certificate, bounded in time and size. Raises OSError with the reason."""


@dataclass(frozen=True, slots=True)
class StoredStsPolicy:
    """`id` is that of the TXT record for which the text was fetched; times are epoch seconds."""

    id: str
    text: str
    fetched_at: float
    until: float
    """The policy counts until then (`max_age`)."""


class StsPolicyStore(Protocol):
    """Policies that were fetched. They survive a restart: otherwise an attacker on the way would only have to wait for one
    (RFC 8461 §10.2). What `put` has returned for is durable. One that is lost all the same is fetched again.

    Embedded: rows of the data folder that all processes see. Distributed: rows in Cassandra that end by their TTL."""

    async def get(self, domain: Domain, now: float) -> StoredStsPolicy | None:
        """None if there is none, or its time is over. Raises `TemporaryFailure`."""
        ...

    async def put(self, domain: Domain, policy: StoredStsPolicy) -> None:
        """Replaces the domain's. Of two at once either may stay. Raises `TemporaryFailure`, `StorageFull`."""
        ...
