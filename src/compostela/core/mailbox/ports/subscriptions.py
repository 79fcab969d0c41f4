"""The port of subscriptions."""

from typing import Protocol

from compostela.model.username import Username


class SubscriptionStore(Protocol):
    """The names to which a user is subscribed (RFC 3501 §6.3.6), whether a mailbox has that name or not.

    Each change is durable when its call returns (embedded: group commit; distributed: QUORUM), has an entry in the log of the
    user's tree, and may be repeated."""

    async def subscribe(self, user: Username, name: str) -> None: ...

    async def unsubscribe(self, user: Username, name: str) -> None: ...

    async def subscriptions(self, user: Username) -> list[str]:
        """Return all names in order."""
        ...
