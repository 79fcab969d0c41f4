"""Quota: how much a user's mailboxes may hold."""

from abc import ABC, abstractmethod

from compostela.model.username import Username


class QuotaRule(ABC):
    """Decides whether more messages may come in. The quota is always that of the mailbox's owner."""

    @abstractmethod
    def has_limit(self, owner: Username) -> bool:
        """Whether `check` can refuse anything; False spares the caller reading sizes."""

    @abstractmethod
    async def check(self, owner: Username, messages: int, size_bytes: int) -> None:
        """Raise `QuotaExceeded` if this much more goes beyond a limit."""


class NoQuota(QuotaRule):
    """No limit."""

    def has_limit(self, owner: Username) -> bool:  # noqa: ARG002 - the interface's
        return False

    async def check(self, owner: Username, messages: int, size_bytes: int) -> None:  # noqa: ARG002 - the interface's
        return
