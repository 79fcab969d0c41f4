"""What logins ask of outside parts."""

from typing import Protocol

from compostela.base.errors import CompostelaError
from compostela.model.username import Username


class InvalidToken(CompostelaError):
    """An access token that is not accepted, with the reason for the log."""


class TokenVerifier(Protocol):
    """Judges access tokens of one identity provider (OAuth 2, OpenID Connect).

    Embedded and distributed alike: each node keeps the provider's keys in memory and asks for itself. What the provider said of a token is
    kept in `KnownTokens` if the settings want it; all nodes know which sessions have ended."""

    async def verify(self, token: str) -> Username:
        """The user of the token. Raises `InvalidToken`, and `TemporaryFailure` when the provider cannot be asked."""
        ...

    async def end_session(self, logout_token: str) -> None:
        """Refuse all tokens of the session that a logout token of the provider names, from now on and on all nodes (see
        `EndedSessions`). Raises as `verify`."""
        ...

    async def close(self) -> None:
        """Ends its connections."""
        ...


class DelegationStore(Protocol):
    """Which users may act for which (`base` lets `delegate` in).

    Every change is durable and visible to all processes when it returns. Embedded: one row a pair, found from both sides, gone
    with either user. Distributed: a row in the partition of the base and one in that of the delegate, the first written
    first and removed last; only the first decides whether a delegation exists."""

    async def delegates(self, base: Username) -> list[Username]:
        """In order."""
        ...

    async def bases(self, delegate: Username) -> list[Username]:
        """The users as which `delegate` may act, in order."""
        ...

    async def allow(self, base: Username, delegate: Username) -> None:
        """Nothing changes when it was allowed before."""
        ...

    async def forbid(self, base: Username, delegate: Username) -> None:
        """Nothing changes when it was not allowed."""
        ...

    async def forget(self, user: Username) -> None:
        """Every pair with the user in it."""
        ...
