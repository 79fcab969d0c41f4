"""Where the managed domains live."""

from typing import Protocol

from compostela.model.domain import Domain


class DomainStore(Protocol):
    """The set of managed domains. Changes are durable and seen by all processes when they return (embedded: one
    transaction; distributed: one row a domain)."""

    async def add(self, domain: Domain) -> bool:
        """False when it was there."""
        ...

    async def remove(self, domain: Domain) -> bool: ...

    async def contains(self, domain: Domain) -> bool: ...

    async def all(self) -> list[Domain]: ...
