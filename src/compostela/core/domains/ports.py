"""Where the managed domains live."""

from collections.abc import AsyncIterator
from typing import Protocol

from compostela.model.domain import Domain


class DomainStore(Protocol):
    """The set of managed domains. Changes are durable when they return. Others see them within
    `compostela.core.users.ports.STALE_SECONDS` (embedded: one transaction, seen at once; distributed: one row a domain)."""

    async def add(self, domain: Domain) -> bool:
        """False when it was there."""
        ...

    async def remove(self, domain: Domain) -> bool: ...

    async def contains(self, domain: Domain) -> bool:
        """May be answered from memory, within the bound."""
        ...

    def all(self) -> AsyncIterator[list[Domain]]:
        """All domains in bounded batches, in no order across batches."""
        ...
