"""Where users live."""

from dataclasses import dataclass
from typing import Protocol

from compostela.model.domain import Domain
from compostela.model.username import Username

STALE_SECONDS = 5.0
"""How old an answer about the existence of users, domains and mappings may be in a cluster."""


@dataclass(frozen=True, slots=True)
class NamesPage:
    """A part of a long list. `next_cursor` is opaque text, None after the last page."""

    names: list[Username]
    next_cursor: str | None


class UserStore(Protocol):
    """Users with the stored form of their password's hash (`algorithm` text and hash, see `core.users.passwords`).

    Every change is durable when it returns. Credentials (`password_hash`, `scram`) are never stale: a read that begins after a
    change has returned sees it, in every process. Existence and lists may be stale for `STALE_SECONDS`. Embedded: one
    transaction, nothing is stale. Distributed: one conditional write by user name (`IF NOT EXISTS`), no other partition
    involved."""

    async def exists(self, user: Username) -> bool:
        """Whether there is such a user. It reads no credential and may be answered from memory, so the answer may be up to
        `STALE_SECONDS` old."""
        ...

    async def password_hash(self, user: Username) -> str | None:
        """The stored hash, None for an unknown user. An indexed read, never stale."""
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

    async def names(self, *, domain: Domain | None = None, cursor: str | None = None, limit: int = 1000) -> NamesPage:
        """At most `limit` names of a domain in their order, or of all users, in no order across domains. The first page, or
        the one that a `next_cursor` leads to. A user who is added or removed meanwhile may be there or not; no other is
        missed or comes twice."""
        ...
