"""Tasks on mail queues: delete mails, and hand out again what a broker lost."""

from dataclasses import dataclass, replace

import msgspec

from compostela.base.errors import InvalidArgument
from compostela.core.queue.model import EVERYTHING, Selection
from compostela.core.queue.ports import MailQueue, MailQueues
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner

REPUBLISH = "republish-not-processed-mails"


@dataclass(frozen=True, slots=True)
class RepublishNotProcessed:
    """Mails that were ready for so long and that no process has in work. Only an edition whose queues go through a broker has the task
    (`Stores.repairs`): such queues look for lost mails by themselves too."""

    queue: str
    older_than_seconds: float


@dataclass(frozen=True, slots=True)
class ClearQueue:
    queue: str


class ClearQueueTask(TaskRunner[ClearQueue]):
    """Deletes the mails that are in a queue when the task first begins. Later ones stay, also after a crash."""

    name = "clear-mail-queue"
    arguments = ClearQueue

    def __init__(self, queues: MailQueues) -> None:
        self._queues = queues

    async def describe(self, arguments: ClearQueue) -> Json:
        size = await self._queues.queue(arguments.queue).size()
        return {"mailQueueName": arguments.queue, "initialCount": size, "remainingCount": size}

    async def run(self, arguments: ClearQueue, context: TaskContext) -> None:
        await _delete(self._queues.queue(arguments.queue), context, EVERYTHING)


@dataclass(frozen=True, slots=True)
class DeleteFromQueue:
    """One criterion."""

    queue: str
    sender: str | None = None
    name: str | None = None
    recipient: str | None = None
    destination: str | None = None
    """A domain."""

    def selection(self) -> Selection:
        """Raises `InvalidArgument`: without a criterion all mails would go."""
        chosen = Selection.parse(self.sender, self.name, self.recipient, self.destination)
        if [self.sender, self.name, self.recipient, self.destination].count(None) != 3:
            raise InvalidArgument("give one of 'sender', 'name', 'recipient', 'destination'")
        return chosen


class DeleteFromQueueTask(TaskRunner[DeleteFromQueue]):
    """Deletes mails by sender, name, recipient or destination; later ones stay, as with `ClearQueueTask`."""

    name = "delete-mails-from-mail-queue"
    arguments = DeleteFromQueue

    def __init__(self, queues: MailQueues) -> None:
        self._queues = queues

    async def describe(self, arguments: DeleteFromQueue) -> Json:
        arguments.selection()
        size = await self._queues.queue(arguments.queue).size()
        return {
            "mailQueueName": arguments.queue,
            "initialCount": size,
            "remainingCount": size,
            "sender": arguments.sender,
            "name": arguments.name,
            "recipient": arguments.recipient,
            **({} if arguments.destination is None else {"destination": arguments.destination}),
        }

    async def run(self, arguments: DeleteFromQueue, context: TaskContext) -> None:
        await _delete(self._queues.queue(arguments.queue), context, arguments.selection())


class _Progress(msgspec.Struct):
    until: float
    """Mails that were enqueued later stay, epoch seconds."""


async def _delete(queue: MailQueue, context: TaskContext, chosen: Selection) -> None:
    if context.progress is None:
        await context.save(context.state.information, {"until": context.now()})
    progress = msgspec.convert(context.progress, _Progress)
    await queue.delete(replace(chosen, enqueued_until=progress.until))
    await context.report({**context.state.information, "remainingCount": await queue.size()})
