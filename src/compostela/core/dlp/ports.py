"""Where DLP rules are kept."""

from collections.abc import Sequence
from typing import Protocol

from compostela.core.dlp.model import DlpRule
from compostela.model.domain import Domain


class DlpRuleStore(Protocol):
    """The rules of each sender domain, in order.

    What was written is durable and seen by all processes when a call returns. A domain's rules are one value: embedded a row,
    distributed a cell, written whole."""

    async def get(self, domain: Domain) -> Sequence[DlpRule]:
        """Return the rules; none for a domain without."""
        ...

    async def replace(self, domain: Domain, rules: Sequence[DlpRule]) -> None:
        """Raises `StorageFull`, `TemporaryFailure`."""
        ...

    async def clear(self, domain: Domain) -> None: ...
