"""The embedded mailbox store: its three ports on one database."""

from compostela.adapters.embedded.mailbox_hierarchy import EmbeddedHierarchy
from compostela.adapters.embedded.mailbox_messages import EmbeddedMessages
from compostela.adapters.embedded.mailbox_subscriptions import EmbeddedSubscriptions


class EmbeddedMailboxes(EmbeddedMessages, EmbeddedHierarchy, EmbeddedSubscriptions):
    """See `compostela.core.mailbox.ports.MailboxStore`."""
