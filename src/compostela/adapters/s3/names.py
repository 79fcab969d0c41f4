"""The names of objects: `<family>_<generation>_<SHA-256 in hexadecimal>`, then what makes a body that is not shared unique, then how
it was coded, such as `1_689_9f86…` or `1_689_9f86…-za`."""

import re
from dataclasses import dataclass, replace

from compostela.base.errors import NotFound
from compostela.model.numbers import BlobId

_NAME = re.compile(r"(\d{1,9})_(\d{1,12})_([0-9a-f]{64})((?:_[0-9a-z]{1,40})?)(?:-([za]{1,2}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectName:
    """The parts of a blob's id."""

    family: int
    generation: int
    digest: bytes
    unique: str = ""
    coding: str = ""

    @classmethod
    def parse(cls, blob: BlobId) -> "ObjectName":
        """Raises `NotFound` for what is no id of ours."""
        found = _NAME.match(blob)
        if found is None:
            raise NotFound(f"there is no blob {blob!r}")
        family, generation, digest, unique, coding = found.groups()
        return cls(int(family), int(generation), bytes.fromhex(digest), unique, coding or "")

    @property
    def plain(self) -> str:
        """The name without the coding."""
        return f"{self.family}_{self.generation}_{self.digest.hex()}{self.unique}"

    @property
    def blob(self) -> BlobId:
        return BlobId(f"{self.plain}-{self.coding}" if self.coding else self.plain)

    def coded(self, coding: str) -> "ObjectName":
        return replace(self, coding=coding)
