"""The embedded mailbox store: its three ports on one database."""

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.effects import EndedEntries
from compostela.adapters.embedded.lookups import Lookups
from compostela.adapters.embedded.mailbox_hierarchy import EmbeddedHierarchy
from compostela.adapters.embedded.mailbox_memory import MailboxMemory
from compostela.adapters.embedded.mailbox_messages import EmbeddedMessages
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.mailbox_subscriptions import EmbeddedSubscriptions
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.shared_marks import TREES, MarkFile
from compostela.adapters.embedded.signals import MAILBOX_TOPIC, Signals
from compostela.adapters.embedded.writer import Writer
from compostela.base.clock import Clock


class EmbeddedMailboxes(EmbeddedMessages, EmbeddedHierarchy, EmbeddedSubscriptions):
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
        marks: MarkFile,
    ) -> None:
        memory = MailboxMemory(marks.mailbox_marks())
        trees = Lookups(marks.mark(TREES))
        EmbeddedMessages.__init__(self, writer, reader, blobs, signals, names, clock, ended, memory)
        EmbeddedHierarchy.__init__(self, writer, reader, signals, names, clock, memory, trees)
        EmbeddedSubscriptions.__init__(self, writer, reader, clock, trees)
        signals.hear(self.forget)

    def forget(self, topic: str) -> None:
        """Another process tells of news of a topic."""
        if topic.startswith(MAILBOX_TOPIC):
            self._memory.forget(self._names.row(topic.removeprefix(MAILBOX_TOPIC)))
