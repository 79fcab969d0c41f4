"""The base class of listeners."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.base.settings import Settings
from compostela.core.events.model import MailboxChanges, MailboxDeleted, MailboxSnapshot, TreeChanges, TreeSnapshot
from compostela.core.events.ports import EventSource
from compostela.core.events.usage import UsageStore


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """The parts of the server that listeners use."""

    source: EventSource
    usage: UsageStore
    clock: Clock


class MailboxListener:
    """Follows the changes of all mailboxes. Override what the listener wants to know.

    **Order.** The changes of one log are told in order, and the next after the last has returned. Different logs are told side by
    side, and there is no order between them.
    **At least once.** After a crash or a failure changes are told again: a listener is idempotent, for example by the
    `modseq` of entries and the `highest_modseq` of heads.
    **Failures.** What a method raises is retried 8 times with growing pauses, then becomes a dead letter. A method that takes
    longer than `executionTimeout` is cut off and counts as failed; a synchronous one cannot be cut off and becomes a dead letter
    at once.
    **Threads.** Each method is `async def`, and then never keeps the loop busy for more than a few milliseconds; or it is a
    plain `def`, and is called on a thread, where `wait_for` runs a coroutine on the loop."""

    needs_content = False
    """Keep the content of expunged messages until this listener has passed the expunge."""
    follows_trees = False
    """Also call `tree_changed` and `tree_snapshot`."""
    gather_seconds = 0.25
    """How often news are looked for. A higher value makes fewer and larger calls."""

    def __init__(self, settings: Settings, context: ListenerContext) -> None:
        """`settings` are those of the element `<configuration>`. Complaints go to them; it may raise `InvalidArgument`."""

    def changed(self, changes: MailboxChanges) -> Awaitable[None] | None:  # noqa: ARG002 - for subclasses
        """Messages were added, expunged, or their flags updated."""
        return None

    def snapshot(self, snapshot: MailboxSnapshot) -> Awaitable[None] | None:  # noqa: ARG002 - for subclasses
        """The log of the mailbox cannot be followed: replace everything that is known of it."""
        return None

    def deleted(self, deleted: MailboxDeleted) -> Awaitable[None] | None:  # noqa: ARG002 - for subclasses
        """The mailbox is deleted; nothing more is told of it."""
        return None

    def tree_changed(self, changes: TreeChanges) -> Awaitable[None] | None:  # noqa: ARG002 - for subclasses
        """Mailboxes of a user were created, renamed or deleted, or subscriptions changed."""
        return None

    def tree_snapshot(self, snapshot: TreeSnapshot) -> Awaitable[None] | None:  # noqa: ARG002 - for subclasses
        """The log of the tree cannot be followed: replace everything that is known of it."""
        return None


ListenerFactory = Callable[[Settings, ListenerContext], MailboxListener]
"""What makes a listener, usually its class."""
