"""The spooler: takes mails from the spool and runs them through the processors, several at once."""

import logging
import time
import traceback
from collections.abc import Callable

from compostela.base.errors import TemporaryFailure
from compostela.base.log import trace_id
from compostela.base.metrics import counter, histogram
from compostela.core.mail.attributes import PROCESSING_ERROR_COUNT, TEMPORARY_ERROR_COUNT
from compostela.core.mail.model import Mail
from compostela.core.queue.ports import MailQueue, QueueItem
from compostela.core.repository.ports import MailRepositoryStore, RepositoryUrl
from compostela.core.tracing.tracer import Tracer
from compostela.processing.acceptance_priority import AcceptancePriority
from compostela.processing.parking import Parking
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.processor import MailProcessors
from compostela.processing.tracing import note_taken_up
from compostela.processing.workers import DRAIN_SECONDS, QueueWorkers

_log = logging.getLogger(__name__)

MAX_FAILURES = 5
MAX_TEMPORARY_FAILURES = 300
"""Of the environment, such as a store that is away: about a day with the pauses between the tries."""
RETRY_SECONDS = 1.0
"""Before the second try; each further one waits twice as long."""
MAX_RETRY_SECONDS = 300.0

_processed = counter("spoolProcessedMails", "Mails that the spooler is finished with")
_duration = histogram("spoolProcessing", "Time in the processors")


class Spooler:
    """`workers` mails are processed at once, when acceptance leaves time (`activity`: see `AcceptancePriority`). An entry is
    removed only when the pipeline is finished with it."""

    def __init__(
        self,
        queue: MailQueue,
        processors: MailProcessors,
        repositories: MailRepositoryStore,
        error_repository: RepositoryUrl,
        workers: int,
        activity: Callable[[], int] = lambda: 0,
        *,
        drain_seconds: float = DRAIN_SECONDS,
        tracer: Tracer | None = None,
    ) -> None:
        self._processors = processors
        self._tracer = tracer
        self._parking = Parking(repositories, error_repository, tracer)
        self._activity = activity
        self._workers = QueueWorkers("spooler", workers, queue, self._process, drain_seconds=drain_seconds)

    async def start(self) -> None:
        self._workers.start(AcceptancePriority(self._activity).pass_through)

    async def stop(self) -> None:
        """Lets what is in work finish for `drain_seconds`, then gives it back to the queue. It is done again by another process
        or at the next start, without any effect happening twice."""
        await self._workers.stop()

    async def _process(self, item: QueueItem) -> None:
        mail = item.mail
        trace_id.set(mail.trace_id)
        if await self._parking.park_killer(item):
            return
        started = time.monotonic()
        if self._tracer is not None:
            note_taken_up(self._tracer, mail)
        original = mail.copy(mail.name, mail.recipients)
        try:
            await self._processors.execute(mail, PipelineRun(item.entry))
        except Exception as error:
            await self._failed(item, original, error)
        else:
            await item.done()
            _processed.inc()
        _duration.observe(time.monotonic() - started)

    async def _failed(self, item: QueueItem, mail: Mail, error: Exception) -> None:
        is_temporary = isinstance(error, TemporaryFailure) or isinstance(error.__cause__, TemporaryFailure)
        attribute, most = (
            (TEMPORARY_ERROR_COUNT, MAX_TEMPORARY_FAILURES) if is_temporary else (PROCESSING_ERROR_COUNT, MAX_FAILURES)
        )
        failures = mail.attributes.get(attribute, 0)
        count = (failures if isinstance(failures, int) else 0) + 1
        mail.attributes[attribute] = count
        if self._tracer is not None:
            self._tracer.note(mail, "failed", mail.state, "", mail.recipients, (f"attempt {count}: {error}",))
        if is_temporary:
            _log.warning("a mail cannot be processed now: %s", error, extra={"mail": mail.name, "failures": count})
        else:
            _log.error("processing failed", exc_info=error, extra={"mail": mail.name, "failures": count})
        if count <= most:
            await item.retry(mail, min(MAX_RETRY_SECONDS, RETRY_SECONDS * 2 ** (count - 1)))
        else:
            await self._parking.park(item, mail, "".join(traceback.format_exception(error)))
