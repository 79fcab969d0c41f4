"""Where the recipient rewrite table lives."""

from collections.abc import AsyncIterator
from typing import Protocol

from compostela.core.rewriting.model import Mapping, MappingSource


class RewritingStore(Protocol):
    """The rewrite table: a set of mappings for each source, with a reverse index from target to sources.

    Changes are durable when they return and idempotent. Others see them within
    `compostela.core.users.ports.STALE_SECONDS`, also of answers that there is no mapping (embedded: at once). Embedded: one transaction for entry and index. Distributed: the
    entry row is written first, the reverse row after it; a reverse row without its entry is ignored and removed by the
    reader that meets it, an entry without its reverse row is completed by adding it again."""

    async def add(self, source: MappingSource, mapping: Mapping) -> bool:
        """False when it was there."""
        ...

    async def remove(self, source: MappingSource, mapping: Mapping) -> bool: ...

    async def mappings(self, source: MappingSource) -> list[Mapping]:
        """Exactly this source's (no fall-back to the domain), in the order of application. An indexed read."""
        ...

    def sources(self, mapping: Mapping) -> AsyncIterator[list[MappingSource]]:
        """The sources that map to this target, in bounded batches."""
        ...

    def all(self) -> AsyncIterator[list[tuple[MappingSource, list[Mapping]]]]:
        """The whole table in bounded batches: each source once, with its mappings in the order of application."""
        ...

    async def is_empty(self) -> bool:
        """Whether the table has no mapping at all: cheap, so that the usual mail skips the look-ups. False may be wrong: an
        edition that would have to search says it at once."""
        ...
