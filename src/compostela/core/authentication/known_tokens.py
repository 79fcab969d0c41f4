"""What an identity provider said of an access token, believed for a while: a mail program with ten connections makes it answer once."""

from typing import NamedTuple, Protocol


class KnownToken(NamedTuple):
    """The provider calls the token good."""

    user: str
    """The name of its user, as the claim gives it."""
    session: str = ""
    """The session at the provider (`sid`), empty if it names none."""


class KnownTokens(Protocol):
    """Good tokens by a digest of provider and token; the tokens themselves are kept nowhere. At most 10,000 in a process.

    Embedded: each process for itself. Distributed: for all nodes, in Redis; while Redis is away nothing is known and the provider is
    asked. Not durable."""

    async def find(self, digest: str) -> KnownToken | None:
        """None when it is not known, or no longer."""
        ...

    async def keep(self, digest: str, token: KnownToken, seconds: float) -> None:
        """For so long from now. What cannot be kept is not known; nothing is raised."""
        ...
