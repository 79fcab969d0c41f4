"""Notes the steps of the container that changed something."""

from compostela.core.mail.attributes import PROCESSING_ERROR_COUNT, TEMPORARY_ERROR_COUNT
from compostela.core.mail.model import GHOST, ROOT, Mail
from compostela.core.tracing.tracer import Tracer
from compostela.processing.processor import Before, Pair, PipelineObserver, error_line


def note_taken_up(tracer: Tracer, mail: Mail) -> None:
    """That the spooler has a mail; one that is new arrived at its time."""
    if (
        mail.state == ROOT
        and PROCESSING_ERROR_COUNT not in mail.attributes
        and TEMPORARY_ERROR_COUNT not in mail.attributes
    ):
        tracer.note_arrival(mail)
    else:
        tracer.note(mail, "taken up", mail.state, "", mail.recipients, (f"from {mail.sender or '<>'}",))


class TracingObserver(PipelineObserver):
    """For all mails of a process at once."""

    sees_all = False

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def passes_by(self, pair: Pair, mail: Mail, processor: str) -> None:
        """Not called: see `sees_all`."""

    def serves(self, pair: Pair, mail: Mail, processor: str) -> bool:
        return True

    def served(self, pair: Pair, mail: Mail, processor: str, before: Before) -> None:
        sender, recipients, header, _ = before
        if mail.state == GHOST:
            queues = pair.mailet.consumes
            told = [f"goes to the queue {', '.join(queues)}"] if queues else []
            self._tracer.note(mail, "step" if queues else "end", processor, pair.text, recipients, told)
            return
        changes = []
        if tuple(mail.recipients) != recipients:
            changes.append(f"recipients: {', '.join(map(str, mail.recipients)) or 'none'}")
        if mail.sender is not sender and mail.sender != sender:
            changes.append(f"sender: {mail.sender or '<>'}")
        if mail.content.header is not header and mail.content.header != header:
            changes.append("the header is changed")
        if mail.state != processor:
            changes.append(f"goes to the processor {mail.state}")
            if mail.error_message and (line := error_line(mail)):
                changes.append(f"error: {line}")
        if changes:
            self._tracer.note(mail, "step", processor, pair.text, recipients, changes)

    def falls_off(self, mail: Mail, processor: str) -> bool:
        self._tracer.note(mail, "end", processor, "", mail.recipients, ("lost: the processor has no mailet for it",))
        return True
