"""The dry run itself."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Problems
from compostela.core.blob.model import Body
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import GHOST, Mail
from compostela.core.mailbox.service import MailboxService
from compostela.core.tracing.tracer import Tracer
from compostela.model.numbers import EntryId
from compostela.processing.container import build_processors
from compostela.processing.explanation.model import Explanation, Step, names_of, sender_of
from compostela.processing.explanation.recording import (
    RecordingMarks,
    RecordingQueues,
    RecordingRepositories,
    RecordingSession,
    RecordingVacations,
    UntouchedRateLimits,
)
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.processor import (
    Before,
    MailProcessors,
    Pair,
    PipelineObserver,
    PropagatedError,
    error_line,
)

MOST_MAILS = 100
"""Mails that one dry run follows: those that mailets make are followed too."""
MAX_VALUE = 200
"""Characters of an attribute that are told."""
_PACKAGE = "compostela."
_LOST = "lost: the processor {processor} ends without a mailet for it"


class Explainer:
    """Makes dry runs of a container."""

    def __init__(self, container: Node, context: MailetContext, mailboxes: MailboxService) -> None:
        self._container = container
        self._context = context
        self._mailboxes = mailboxes

    async def explain(self, mail: Mail, container: Node | None = None) -> Explanation:
        """Follow the mail, and those that mailets make of it, to their ends. `container` takes the place of the server's own. Raises
        `InvalidArgument` if it is wrong."""
        run = _Run(_LOST if container is None else "goes on to what comes after the mailet")
        context = replace(
            self._context,
            mailboxes=RecordingSession(self._mailboxes, run.note),
            vacations=RecordingVacations(self._context.vacations, run.note),
            queues=RecordingQueues(self._context.queues, run.note, run.waiting.append),
            rate_limits=UntouchedRateLimits(run.note),
            repositories=RecordingRepositories(self._context.repositories, run.note),
            tracer=Tracer(self._context.tracer.store, self._context.clock, 0.0, 0),
            sieve=replace(self._context.sieve, marks=RecordingMarks(self._context.sieve.marks)),
        )
        problems = Problems()
        processors = MailProcessors(build_processors(container or self._container, problems, context), run)
        if container is not None and problems.found:
            raise InvalidArgument("; ".join(map(str, problems.found)))
        run.waiting.append(mail)
        for number in range(MOST_MAILS):
            if not run.waiting:
                break
            following = run.waiting.popleft()
            try:
                await processors.execute(following, PipelineRun(EntryId(f"dry-run-{number}")))
            except PropagatedError as error:
                run.told.end(following.recipients, f"tried again later: {error}")
        run.told.is_complete = not run.waiting
        return run.told


class _Run(PipelineObserver):
    """What is noted while it goes on."""

    def __init__(self, beyond: str) -> None:
        """`beyond` is what becomes of a mail at the end of a processor."""
        self.told = Explanation()
        self._beyond = beyond
        self.waiting: deque[Mail] = deque()
        self._step: Step | None = None
        self._attributes: dict[str, AttributeValue] = {}
        self._body: Body | None = None
        self._has_ended = False

    def note(self, what: str, ending: Sequence[object]) -> None:
        """An effect of the mailet at work."""
        if self._step is not None:
            self._step.effects.append(what)
        if ending:
            self._has_ended = True
            self.told.end(ending, what)

    def passes_by(self, pair: Pair, mail: Mail, processor: str) -> None:
        self.told.mail(mail).steps.append(_step(pair, mail, processor, matched=False))

    def serves(self, pair: Pair, mail: Mail, processor: str) -> bool:
        record = self.told.mail(mail)
        self._step = _step(pair, mail, processor, matched=True)
        record.steps.append(self._step)
        self._attributes, self._body = dict(mail.attributes), mail.content.body
        self._has_ended = False
        if _is_left_out(pair.mailet):
            self._step.effects.append("left out: a dry run does not know all that it would do")
            return False
        return True

    def served(self, pair: Pair, mail: Mail, processor: str, before: Before) -> None:
        step, recipients = self._step, names_of(before.recipients)
        self._step = None
        if step is None:
            return
        if mail.state == GHOST:
            step.changes.append("its way ends")
            if not self._has_ended and not step.effects:
                self.told.end(recipients, f"dropped by {step.mailet}")
            return
        if names_of(mail.recipients) != recipients:
            step.changes.append(f"recipients: {', '.join(names_of(mail.recipients)) or 'none'}")
        if mail.sender != before.sender:
            step.changes.append(f"sender: {sender_of(mail)}")
        if mail.content.header != before.header:
            step.changes.append("the header is changed")
        if mail.content.body is not self._body:
            step.changes.append("the body is changed")
        step.changes += _attribute_changes(self._attributes, mail.attributes)
        if mail.state != processor:
            step.changes.append(f"goes to the processor {mail.state}")
            if line := error_line(mail):
                step.changes.append(f"error: {line}")

    def falls_off(self, mail: Mail, processor: str) -> bool:
        self.told.end(mail.recipients, self._beyond.format(processor=processor))
        return False


def _attribute_changes(before: Mapping[str, AttributeValue], now: Mapping[str, AttributeValue]) -> list[str]:
    changed = [
        f"attribute {name}: {str(value)[:MAX_VALUE]}" for name, value in now.items() if before.get(name) != value
    ]
    return changed + [f"attribute {name} is removed" for name in before if name not in now]


def _step(pair: Pair, mail: Mail, processor: str, *, matched: bool) -> Step:
    return Step(processor, pair.matcher_text, type(pair.mailet).__name__, names_of(mail.recipients), matched)


def _is_left_out(mailet: Mailet) -> bool:
    """Mailets of one's own may do anything."""
    return mailet.acts_outside or not type(mailet).__module__.startswith(_PACKAGE)
