"""Where the recipient rewrite table lives."""

from typing import Protocol

from compostela.core.rewriting.model import Mapping, MappingSource


class RewritingStore(Protocol):
    """The rewrite table: a set of mappings for each source, with a reverse index from target to sources.

    Changes are durable when they return and idempotent. Embedded: one transaction for entry and index. Distributed: the
    entry row is written first, the reverse row after it; a reverse row without its entry is ignored and removed by whoever
    meets it, an entry without its reverse row is completed by adding it again."""

    async def add(self, source: MappingSource, mapping: Mapping) -> bool:
        """False when it was there."""
        ...

    async def remove(self, source: MappingSource, mapping: Mapping) -> bool: ...

    async def mappings(self, source: MappingSource) -> list[Mapping]:
        """Exactly this source's (no fall-back to the domain), in the order of application. An indexed read."""
        ...

    async def sources(self, mapping: Mapping) -> list[MappingSource]:
        """Who maps to this target."""
        ...

    async def all(self) -> dict[MappingSource, list[Mapping]]: ...

    async def is_empty(self) -> bool:
        """Whether the table has no mapping at all; cheap, so that the usual mail skips the look-ups."""
        ...
