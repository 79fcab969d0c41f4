"""Tasks on mail queues: delete mails."""

from dataclasses import dataclass
from typing import Any

import msgspec

from compostela.base.errors import InvalidArgument
from compostela.core.queue.ports import MailQueue, MailQueues
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.model.mail_address import MailAddress


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
        await _delete(self._queues.queue(arguments.queue), context)


@dataclass(frozen=True, slots=True)
class DeleteFromQueue:
    """One criterion."""

    queue: str
    sender: str | None = None
    name: str | None = None
    recipient: str | None = None


class DeleteFromQueueTask(TaskRunner[DeleteFromQueue]):
    """Deletes mails of a sender, of a name, or to a recipient; later ones stay, as with `ClearQueueTask`."""

    name = "delete-mails-from-mail-queue"
    arguments = DeleteFromQueue

    def __init__(self, queues: MailQueues) -> None:
        self._queues = queues

    async def describe(self, arguments: DeleteFromQueue) -> Json:
        _criterion(arguments)
        size = await self._queues.queue(arguments.queue).size()
        return {
            "mailQueueName": arguments.queue,
            "initialCount": size,
            "remainingCount": size,
            "sender": arguments.sender,
            "name": arguments.name,
            "recipient": arguments.recipient,
        }

    async def run(self, arguments: DeleteFromQueue, context: TaskContext) -> None:
        await _delete(self._queues.queue(arguments.queue), context, **_criterion(arguments))


class _Progress(msgspec.Struct):
    until: float
    """Mails that were enqueued later stay, epoch seconds."""


async def _delete(queue: MailQueue, context: TaskContext, **criterion: Any) -> None:  # Any: an address or a name
    if context.progress is None:
        await context.save(context.state.information, {"until": context.now()})
    progress = msgspec.convert(context.progress, _Progress)
    await queue.delete(**criterion, enqueued_until=progress.until)
    await context.report({**context.state.information, "remainingCount": await queue.size()})


def _criterion(arguments: DeleteFromQueue) -> dict[str, Any]:
    """Raises `InvalidArgument`: without a criterion all mails would go."""
    chosen: dict[str, Any] = {  # Any: an address or a name
        "sender": None if arguments.sender is None else MailAddress.parse(arguments.sender),
        "name": arguments.name,
        "recipient": None if arguments.recipient is None else MailAddress.parse(arguments.recipient),
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    if len(given) != 1:
        raise InvalidArgument("give one of 'sender', 'name', 'recipient'")
    return given
