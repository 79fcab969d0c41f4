"""Names of users, with or without a domain (James's virtual hosting)."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from compostela.base.errors import InvalidArgument
from compostela.model.domain import Domain

MAX_USERNAME_LENGTH = 255
REMEMBERED_NAMES = 4096
"""Texts whose names are remembered: a mail on its way through the processors asks for the same few again and again."""
_FORBIDDEN = frozenset('"(),:;<>@[\\]/ \t\r\n\x00')


@dataclass(frozen=True, slots=True, order=True)
class Username:
    """A user's name in lower case and normal form C: `local` or `local@domain`. Build it with `Username.parse`."""

    value: str

    @classmethod
    def parse(cls, text: str) -> "Username":
        """Raises `InvalidArgument` with the reason for a name that no user may have."""
        return _parse(text)

    @property
    def local_part(self) -> str:
        return self.value.rpartition("@")[0] or self.value

    @property
    def domain(self) -> Domain | None:
        local, at, domain = self.value.rpartition("@")
        return Domain(domain) if at and local else None

    def __str__(self) -> str:
        return self.value


@lru_cache(maxsize=REMEMBERED_NAMES)
def _parse(text: str) -> Username:
    value = text.lower()
    if not value.isascii():
        # one user, however his keyboard composes the letters (RFC 8265 §3.3.2)
        value = unicodedata.normalize("NFC", value)
    if len(value) > MAX_USERNAME_LENGTH:
        raise InvalidArgument(f"a user name must not be longer than {MAX_USERNAME_LENGTH} characters")
    local, at, domain = value.rpartition("@")
    if not at:
        local, domain = value, ""
    if not local:
        raise InvalidArgument("a user name must not be empty")
    if not _FORBIDDEN.isdisjoint(local):
        raise InvalidArgument(f"{text!r} is not a user name")
    if not at:
        return Username(value)
    # another spelling of a domain (a dot at its end) makes no other user
    return Username(f"{local}@{Domain.parse(domain).name}")
