"""What the administration API asks of the diagnosis."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from compostela.doctor.dns.records import Publication
from compostela.doctor.model import Account, Finding


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Both take the domains to look at; without any, all that are managed."""

    examine: Callable[[Sequence[str], Account | None, Sequence[str]], Awaitable[list[Finding]]]
    """The last argument are names of checks; without any, all are run."""
    publications: Callable[[Sequence[str]], Awaitable[list[Publication]]]
    """The records to publish."""
