"""What the administration API asks of the diagnosis."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from compostela.core.diagnosis.model import Account, Finding
from compostela.core.diagnosis.records import Publication


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Both take the domains to look at; without any, all that are managed."""

    examine: Callable[[Sequence[str], Account | None, Sequence[str]], Awaitable[list[Finding]]]
    """The last argument are names of checks; without any, all are run."""
    publications: Callable[[Sequence[str]], Awaitable[list[Publication]]]
    """The records to publish."""
