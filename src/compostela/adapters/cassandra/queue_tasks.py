"""James's task that publishes mails again which wait in Cassandra and of which RabbitMQ knows nothing."""

from compostela.adapters.cassandra.queues import ClusterQueues
from compostela.base.clock import as_datetime
from compostela.core.queue.tasks import REPUBLISH, RepublishNotProcessed
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner


class RepublishTask(TaskRunner[RepublishNotProcessed]):
    """What the sweeper does now and then, with an age of the administrator's. While RabbitMQ has messages of the queue that no consumer
    has taken yet, old mails may be among them, and none is published again."""

    name = REPUBLISH
    arguments = RepublishNotProcessed

    def __init__(self, queues: ClusterQueues) -> None:
        self._queues = queues

    async def describe(self, arguments: RepublishNotProcessed) -> Json:
        return {"mailQueue": arguments.queue, "nbRequeuedMails": 0}

    async def run(self, arguments: RepublishNotProcessed, context: TaskContext) -> None:
        before = as_datetime(context.now() - arguments.older_than_seconds)
        count = await self._queues.queue(arguments.queue).sweep(arguments.older_than_seconds)
        older_than = before.isoformat().replace("+00:00", "Z")
        await context.report({"mailQueue": arguments.queue, "olderThan": older_than, "nbRequeuedMails": count})
