"""The RemoteDelivery mailet: hands mail to the outgoing queue, one entry for each domain."""

from compostela.base.concurrency import side_by_side
from compostela.base.settings import Settings
from compostela.core.idempotency import Effect
from compostela.core.mail.attributes import MAIL_PRIORITY
from compostela.core.mail.model import GHOST, Mail
from compostela.core.queue.model import NORMAL_PRIORITY
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.remote_delivery.deliverer import Deliverer
from compostela.processing.remote_delivery.settings import RemoteDeliverySettings, read_remote_delivery_settings
from compostela.processing.workers import QueueWorkers


class RemoteDelivery(Mailet):
    """Accepts responsibility for mail that leaves: it is sent, or its sender is told."""

    parameters = RemoteDeliverySettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read_remote_delivery_settings(settings, context.hello_name)
        self._queue = context.queues.queue(self._settings.queue)
        self.consumes = (self._settings.queue,)
        self._workers = QueueWorkers(
            self._settings.queue,
            self._settings.workers,
            self._queue,
            Deliverer(self._settings, context).deliver,
            drain_seconds=self._settings.drain_seconds,
        )
        self.processors = tuple(
            name for name in (self._settings.bounce_processor, self._settings.on_success) if name is not None
        )

    async def start(self) -> None:
        self._workers.start()

    async def stop(self) -> None:
        await self._workers.stop()

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        priority = mail.attributes.get(MAIL_PRIORITY) if self._settings.use_priority else None
        groups = self._groups(mail)
        effects = [
            (domain, recipients, run.effect(f"outgoing/{domain}", *recipients, ends_part=len(groups) == 1))
            for domain, recipients in groups.items()
        ]

        async def enqueue(group: tuple[str, list[MailAddress], Effect]) -> None:
            domain, recipients, effect = group
            part = mail.copy(f"{mail.name}-to-{domain}" if domain else mail.name, recipients)
            await self._queue.enqueue(
                part, priority=priority if isinstance(priority, int) else NORMAL_PRIORITY, effect=effect
            )

        await side_by_side(effects, enqueue)
        mail.state = GHOST

    def _groups(self, mail: Mail) -> dict[str, list[MailAddress]]:
        """Recipients by domain; all together when a gateway takes them."""
        if self._settings.gateway_names:
            return {"": list(mail.recipients)}
        groups: dict[str, list[MailAddress]] = {}
        for recipient in mail.recipients:
            groups.setdefault(recipient.domain.name, []).append(recipient)
        return groups
