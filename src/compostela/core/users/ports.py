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

    async def scram(self, user: Username) -> str | None:
        """The stored SCRAM secrets (`compostela.model.scram`), None for an unknown user and for one without."""
        ...

    async def add(self, user: Username, password_hash: str, scram: str | None = None) -> None:
        """Raises `AlreadyExists`."""
        ...

    async def set_password_hash(self, user: Username, password_hash: str, scram: str | None = None) -> None:
        """Both belong to one password and change together. Raises `NotFound`."""
        ...

    async def renew(self, user: Username, before: str, password_hash: str, scram: str) -> bool:
        """Puts another form of the same password in the place of the hash `before`; False when the hash is another by now: the
        password has been changed. Distributed: a conditional write (`IF password = ?`)."""
        ...

    async def secret(self, name: str) -> bytes:
        """32 random octets, made at first use and the same for ever and for all processes. Distributed: `IF NOT EXISTS`."""
        ...

    async def remove(self, user: Username) -> bool:
        """False when there was none."""
        ...

    async def names(
        self, *, domain: Domain | None = None, after: Username | None = None, limit: int = 1000
    ) -> list[Username]:
        """Names in order, those behind `after`."""
        ...
