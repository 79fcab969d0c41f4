"""The spooler: takes mails from the spool and runs them through the processors, several at once."""

import asyncio
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
from compostela.processing.acceptance_priority import AcceptancePriority
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.processor import MailProcessors
from compostela.processing.workers import Workers, is_stopping

_log = logging.getLogger(__name__)

MAX_FAILURES = 5
RETRY_SECONDS = 1.0
"""Before the second try; each further one waits twice as long."""
GIVE_UP_SECONDS = 60.0
"""When a mail can neither be processed nor put aside, it stays in the queue and is tried again after this."""

_processed = counter("spoolProcessedMails", "Mails that the spooler is finished with")
_duration = histogram("spoolProcessing", "Time in the processors")


class Spooler:
    """`workers` mails are processed at once, when acceptance leaves time (`activity`: see `AcceptancePriority`). An entry is removed only when the pipeline is finished with it."""

    def __init__(
        self,
        queue: MailQueue,
        processors: MailProcessors,
        repositories: MailRepositoryStore,
        error_repository: RepositoryUrl,
        workers: int,
        activity: Callable[[], int] = lambda: 0,
    ) -> None:
        self._queue = queue
        self._processors = processors
        self._repositories = repositories
        self._error_repository = error_repository
        self._count = workers
        self._activity = activity
        self._workers: Workers | None = None

    async def start(self) -> None:
        turnstile = AcceptancePriority(self._activity)
        self._workers = Workers("spooler", self._count, lambda: self._work(turnstile))
        self._workers.start()

    async def stop(self) -> None:
        """Cuts off what is in work: it is done again at the next start, without any effect happening twice."""
        if self._workers is not None:
            await self._workers.stop()

    async def _work(self, turnstile: AcceptancePriority) -> None:
        while True:
            item = await self._queue.dequeue()
            try:
                await turnstile.pass_through(time.time() - item.mail.last_updated_at)
                await self._process(item)
            except (Exception, asyncio.CancelledError):
                if is_stopping():
                    raise
                _log.exception("a queue entry could not be dealt with; it stays in the queue")
                await item.retry(item.mail, GIVE_UP_SECONDS)

    async def _process(self, item: QueueItem) -> None:
        mail = item.mail
        trace_id.set(mail.trace_id)
        recipients = list(mail.recipients)
        started = time.monotonic()
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
        _log.error("processing failed", exc_info=error, extra={"mail": mail.name, "failures": count})
        if count <= MAX_FAILURES:
            await item.retry(mail, RETRY_SECONDS * 2 ** (count - 1))
            return
        mail.error_message = "".join(traceback.format_exception(error))
        repository = await self._repositories.select(self._error_repository)
        await repository.store(mail, PipelineRun(item.entry).effect(str(self._error_repository)))
        await item.done()
