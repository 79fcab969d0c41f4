"""Sessions at an identity provider that it has ended: their tokens log in no longer, also those that have not expired."""

from compostela.core.authentication.failure_ports import KEPT_LOGIN_SECONDS, RecentLogins


class EndedSessions:
    """Remembered for `KEPT_LOGIN_SECONDS`, longer than any access token should last.

    They are notes as recent logins are, with keys of their own: on all nodes when `end` returns, in memory or Redis, not durable. While
    Redis is away the process that was told alone knows."""

    def __init__(self, notes: RecentLogins) -> None:
        self._notes = notes

    async def end(self, session: str) -> None:
        """`session` names the provider too. Nothing changes when it had ended before."""
        await self._notes.note(session)

    async def has_ended(self, session: str) -> bool:
        return await self._notes.within(session, KEPT_LOGIN_SECONDS)
