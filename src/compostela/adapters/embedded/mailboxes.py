"""The embedded mailbox store: its three ports on one database."""

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.effects import EndedEntries
from compostela.adapters.embedded.mailbox_hierarchy import EmbeddedHierarchy
from compostela.adapters.embedded.mailbox_messages import EmbeddedMessages
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.mailbox_subscriptions import EmbeddedSubscriptions
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.writer import Writer
from compostela.base.clock import Clock


class EmbeddedMailboxes(EmbeddedHierarchy, EmbeddedMessages, EmbeddedSubscriptions):
    """See `compostela.core.mailbox.ports.MailboxStore`."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        blobs: EmbeddedBlobs,
        signals: Signals,
        names: Names,
        clock: Clock,
        ended: EndedEntries,
    ) -> None:
        EmbeddedMessages.__init__(self, writer, reader, blobs, signals, names, clock, ended)
