"""The mail container while the client waits (LMTP): the answer comes when all processors are through with the mail."""

import asyncio
import contextlib
import hashlib
import logging

from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.core.blob.model import MessageContent
from compostela.core.blob.ports import BlobStore
from compostela.core.delivery.ports import Outcome
from compostela.core.mail.model import Mail
from compostela.core.mail.ports import UnqueuedRuns
from compostela.core.tracing.tracer import Tracer
from compostela.mime.headers import remove
from compostela.model.mail_address import MailAddress
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.processor import MailProcessors

_log = logging.getLogger(__name__)

_MARK_BYTES = 16


class ContainerDelivery:
    """See `MailDelivery`. The mail is in no queue: it stays the client's until the pipeline is finished with it. A run that fails or
    is cut off is taken up when the client gives the mail again, so a recipient who got it the first time does not get it twice.

    With `split` each recipient has a run, and so an outcome, of its own; without, all share the outcome of one run. `workers`
    runs go on at once."""

    def __init__(
        self,
        processors: MailProcessors,
        runs: UnqueuedRuns,
        blobs: BlobStore,
        tracer: Tracer,
        workers: int,
        *,
        split: bool,
    ) -> None:
        self._processors = processors
        self._runs = runs
        self._blobs = blobs
        self._tracer = tracer
        self._slots = asyncio.Semaphore(workers)
        self._split = split
        self._running: dict[bytes, asyncio.Event] = {}

    async def deliver(self, mail: Mail, sent: MessageContent) -> dict[MailAddress, Outcome]:
        try:
            self._blobs.check_room(mail.size)
        except StorageFull:
            return dict.fromkeys(mail.recipients, Outcome.STORAGE_FULL)
        if not self._split:
            outcome = await self._run(mail.copy(mail.name, mail.recipients), sent)
            return dict.fromkeys(mail.recipients, outcome)
        parts = [mail.copy(mail.name, [recipient]) for recipient in mail.recipients]
        outcomes = await asyncio.gather(*(self._run(part, sent) for part in parts))
        return dict(zip(mail.recipients, outcomes, strict=True))

    async def _run(self, mail: Mail, sent: MessageContent) -> Outcome:
        mark = _mark(mail, sent)
        while (other := self._running.get(mark)) is not None:
            # the same mail by another connection: it is a mail of its own when the first has succeeded
            await other.wait()
        ended = self._running[mark] = asyncio.Event()
        try:
            async with self._slots:
                entry = await self._runs.entry(mark)
                # the client gives the mail a second time under another name, and what a run creates is named after it
                mail.name = f"Mail-{entry.rpartition('-')[2]}"
                self._tracer.note_arrival(mail)
                try:
                    await self._processors.execute(mail, PipelineRun(entry))
                except BaseException:
                    # if that fails too, the run goes on as this process's own and is taken up here
                    with contextlib.suppress(TemporaryFailure):
                        await self._runs.interrupt(entry)
                    raise
                await self._runs.finish(entry)
        except Exception:
            _log.exception("processing failed; the client is asked to try again", extra={"mail": mail.name})
            return Outcome.FAILED
        else:
            return Outcome.DELIVERED
        finally:
            del self._running[mark]
            ended.set()


def _mark(mail: Mail, sent: MessageContent) -> bytes:
    """What makes a mail the same when it is given again: envelope and octets, without the fields that each hop adds."""
    recipients = sorted(str(recipient).lower() for recipient in mail.recipients)
    sender = "" if mail.sender is None else str(mail.sender)
    mark = hashlib.sha256("\n".join([sender, *recipients, ""]).encode())
    mark.update(remove(sent.header, [b"received"]))
    mark.update(sent.body.digest)
    return mark.digest()[:_MARK_BYTES]
