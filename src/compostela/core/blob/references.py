"""Which part refers to which blob, and how far a collection of those without referrer is."""

import re
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.model.numbers import BlobId

MAX_KEY_LENGTH = 400
"""Octets of a referrer's key: with the id of a blob it must fit into the key of an S3 object (1024)."""
_KIND = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")


@dataclass(frozen=True, slots=True, order=True)
class Referrer:
    """What refers to a blob. `kind` names the part that keeps it (`vault`, `upload`): lower-case letters, digits, hyphens.
    `key` is the part's own name of it, printable. Raises `InvalidArgument`."""

    kind: str
    key: str

    def __post_init__(self) -> None:
        if _KIND.match(self.kind) is None:
            raise InvalidArgument(f"{self.kind!r} is not a kind of referrer: lower-case letters, digits and hyphens")
        if not (self.key and self.key.isprintable() and len(self.key.encode()) <= MAX_KEY_LENGTH):
            raise InvalidArgument(f"the key of a referrer is printable text of 1 to {MAX_KEY_LENGTH} octets")


@dataclass(frozen=True, slots=True)
class Reference:
    """A referrer and a blob that it refers to."""

    referrer: Referrer
    blob: BlobId
    saved_at: float
    """Epoch seconds."""


@dataclass(frozen=True, slots=True)
class CollectedPart:
    """What one step of a collection did."""

    position: str | None
    """Where the next step goes on; None at the end of the collection."""
    looked: int = 0
    """Blobs that were looked at for the first time in this collection."""
    referred: int = 0
    """Those of them that something refers to."""
    removed: int = 0
    failed: int = 0
    """Blobs that could not be removed; a later collection tries again."""
