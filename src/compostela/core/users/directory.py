"""A directory of users outside this server (LDAP): its users, and whether a password is right."""

from collections.abc import AsyncIterator
from typing import Protocol

from compostela.model.domain import Domain
from compostela.model.username import Username

PRESENT_SECONDS = 60.0
"""How old the answer "this user exists" may be. Passwords are asked for each time."""
ABSENT_SECONDS = 5.0
"""How old the answer "there is no such user" may be."""


class UserDirectory(Protocol):
    """Users that are administered elsewhere. It is read-only; each method raises `TemporaryFailure` if no server of the directory
    answers within its time limits.

    Embedded and distributed alike: nothing is kept but answers about existence, in memory, for `PRESENT_SECONDS` and
    `ABSENT_SECONDS`; each process asks for itself."""

    async def contains(self, user: Username) -> bool:
        """Whether there is a user of exactly this name."""
        ...

    async def authenticate(self, name: Username, password: str) -> Username | None:
        """The user with this login name and password; its name may differ from the login name. None for a wrong password, a user that
        does not exist and an empty password (RFC 4513 §5.1.2)."""
        ...

    def names(self, domain: Domain | None = None) -> AsyncIterator[list[Username]]:
        """All users, or those of a domain, in batches and in no order. Entries whose name is no user name are left out."""
        ...

    async def values(self, user: Username, attribute: str) -> list[str]:
        """The values of an attribute of the user's entry; none for an unknown user."""
        ...

    async def is_member(self, user: Username, group: str) -> bool:
        """Whether the group with this distinguished name has the user as a member."""
        ...

    def check_group(self, group: str) -> None:
        """Raises `InvalidArgument` for a text that is no distinguished name."""
        ...

    async def probe(self) -> None:
        """Ask something small."""
        ...

    def close(self) -> None:
        """End its connections and threads."""
        ...
