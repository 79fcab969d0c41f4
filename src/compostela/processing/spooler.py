"""The spooler: takes mails from the spool and runs them through the processors, several at once."""

import logging
import time
import traceback
from collections.abc import Callable

from compostela.base.log import trace_id
from compostela.base.metrics import counter, histogram
from compostela.core.mail.attributes import PROCESSING_ERROR_COUNT
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
RETRY_SECONDS = 1.0
"""Before the second try; each further one waits twice as long."""

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
        self._parking = Parking(repositories, error_repository)
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
        recipients = list(mail.recipients)
        started = time.monotonic()
        if self._tracer is not None:
            note_taken_up(self._tracer, mail)
        original = mail.copy(mail.name, recipients)
        try:
            await self._processors.execute(mail, PipelineRun(item.entry))
        except Exception as error:
            await self._failed(item, original, error)
        else:
            await item.done()
            _processed.inc()
        _duration.observe(time.monotonic() - started)

    async def _failed(self, item: QueueItem, mail: Mail, error: Exception) -> None:
        failures = mail.attributes.get(PROCESSING_ERROR_COUNT, 0)
        count = (failures if isinstance(failures, int) else 0) + 1
        mail.attributes[PROCESSING_ERROR_COUNT] = count
        if self._tracer is not None:
            self._tracer.note(mail, "failed", mail.state, "", mail.recipients, (f"attempt {count}: {error}",))
        _log.error("processing failed", exc_info=error, extra={"mail": mail.name, "failures": count})
        if count <= MAX_FAILURES:
            await item.retry(mail, RETRY_SECONDS * 2 ** (count - 1))
        else:
            await self._parking.park(item, mail, "".join(traceback.format_exception(error)))
