"""Where drop lists are kept."""

from collections.abc import AsyncIterator, Collection
from typing import Protocol

from compostela.core.drop_lists.model import Denied, DropList


class DropListStore(Protocol):
    """A set of denied addresses and domains for each list.

    Changes are durable when they return, and idempotent. Others see them within
    `compostela.core.users.ports.STALE_SECONDS` (embedded: at once). Distributed: a partition a list."""

    async def add(self, owner: DropList, denied: Denied) -> None:
        """Raises `StorageFull`, `TemporaryFailure`."""
        ...

    async def remove(self, owner: DropList, denied: Denied) -> None: ...

    async def clear(self, owner: DropList) -> None: ...

    async def contains(self, owner: DropList, denied: Denied) -> bool: ...

    async def denies(self, owners: Collection[DropList], denied: Collection[Denied]) -> bool:
        """Whether any of the lists has any of these. Indexed reads."""
        ...

    def entries(self, owner: DropList) -> AsyncIterator[list[Denied]]:
        """Return a list's entries in bounded batches, domains before addresses, each by name."""
        ...
