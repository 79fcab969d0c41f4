"""The ports of the mailbox store. Only `core`, `adapters` and `app` use them; all others go through a mailbox session."""

from typing import Protocol

from compostela.core.mailbox.ports.hierarchy import MailboxHierarchy, NotEmpty
from compostela.core.mailbox.ports.messages import MessageStore
from compostela.core.mailbox.ports.subscriptions import SubscriptionStore

__all__ = ["MailboxHierarchy", "MailboxStore", "MessageStore", "NotEmpty", "SubscriptionStore"]


class MailboxStore(MailboxHierarchy, MessageStore, SubscriptionStore, Protocol):
    """The three together, as an edition provides them, embedded or distributed."""
