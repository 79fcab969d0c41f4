"""What is measured: two servers that look alike from here, and how thoroughly."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

PASSWORD = "secret"
SMTP_USERS = [f"user{number}@example.org" for number in range(20)]
IMAP_USERS = [f"reader{number}@example.org" for number in range(10)]
FILL_SIZE = 1024
PROBE = "probe@example.org"


class Side(Protocol):
    """A running server. `smtp_only` is the port for measuring acceptance alone."""

    smtp: int
    smtp_only: int
    imap: int
    imaps: int
    pop3: int

    def pids(self) -> list[int]: ...

    def fill(self, user: str, messages: int, size: int = FILL_SIZE) -> None:
        """Puts messages of about `size` octets into a user's INBOX, not by way of a protocol."""
        ...


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done; a measure is the median of `repeats`."""

    folder: Path
    quick: bool = False
    workers: int = 1
    """Worker processes of ours."""

    @property
    def repeats(self) -> int:
        return 1 if self.quick else 3

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def median(self, measure: Callable[[], float]) -> float:
        return median(measure() for _ in range(self.repeats))
