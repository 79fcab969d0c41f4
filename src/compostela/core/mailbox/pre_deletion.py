"""Hooks that are called before messages are deleted (James's `preDeletionHooks`)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.model import Mailbox, MessageRow


@dataclass(frozen=True, slots=True)
class Deletion:
    """Messages that are about to be deleted, at most a thousand at a time, and the actor that deletes them."""

    actor: Actor
    mailbox: Mailbox
    messages: Sequence[MessageRow]


class PreDeletionHook(ABC):
    """Called before the deletion, which waits for it. The hook may be called again for messages that are still there."""

    @abstractmethod
    async def before_deletion(self, deletion: Deletion) -> None:
        """Raise an error to keep the messages: the deletion fails with it."""
