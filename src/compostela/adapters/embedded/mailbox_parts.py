"""What the parts of the embedded mailbox store share."""

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.effects import EndedEntries
from compostela.adapters.embedded.lookups import Lookups
from compostela.adapters.embedded.mailbox_memory import MailboxMemory
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.shared_marks import TREES, MarkFile
from compostela.adapters.embedded.signals import MAILBOX_TOPIC, Signals
from compostela.adapters.embedded.writer import Writer
from compostela.base.clock import Clock


class MailboxPart:
    """Reads on the loop's connection, writes through the writer."""

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
        self._writer = writer
        self._reader = reader
        self._blobs = blobs
        self._signals = signals
        self._names = names
        self._clock = clock
        self._ended = ended
        self._memory = MailboxMemory(marks.mailbox_marks())
        self._trees = Lookups(marks.mark(TREES))
        signals.hear(self.forget)

    def forget(self, topic: str) -> None:
        """Called with each topic for which another process reports a change."""
        if topic.startswith(MAILBOX_TOPIC):
            self._memory.forget(self._names.row(topic.removeprefix(MAILBOX_TOPIC)))
