"""Where users live."""

from typing import Protocol

from compostela.model.domain import Domain
from compostela.model.username import Username


class UserStore(Protocol):
    """Users with the stored form of their password's hash (`algorithm` text and hash, see `core.users.passwords`).

    Every change is durable and visible to all processes when it returns. Embedded: one transaction. Distributed: one
    conditional write by user name (`IF NOT EXISTS`), no other partition involved."""

    async def password_hash(self, user: Username) -> str | None:
        """The stored hash, None for an unknown user. An indexed read."""
        ...

    async def add(self, user: Username, password_hash: str) -> None:
        """Raises `AlreadyExists`."""
        ...

    async def set_password_hash(self, user: Username, password_hash: str) -> None:
        """Raises `NotFound`."""
        ...

    async def remove(self, user: Username) -> bool:
        """False when there was none."""
        ...

    async def names(
        self, *, domain: Domain | None = None, after: Username | None = None, limit: int = 1000
    ) -> list[Username]:
        """Names in order, those behind `after`."""
        ...
