"""Health checks of the server itself; those of the stores come with the edition."""

from compostela.app.server.roles import Roles
from compostela.base.clock import Clock
from compostela.base.siblings import NoSiblings, Siblings
from compostela.core.health.checks import HealthCheck, HealthStatus
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore, RepositoryUrl
from compostela.core.tasks.model import TaskQuery, TaskStatus
from compostela.core.tasks.service import Tasks
from compostela.core.users.service import UsersRepository

UNCONSUMED_SECONDS = 60.0
"""How long a mail or task may wait that only other processes take."""

Found = tuple[HealthStatus, str] | None


def error_repository_check(repositories: MailRepositoryStore, url: RepositoryUrl) -> HealthCheck:
    """Degraded when mails lie in the error repository."""

    async def errors() -> Found:
        repository = await repositories.find(url)
        size = await repository.size() if repository is not None else 0
        return (HealthStatus.DEGRADED, f"{url} holds {size} mails") if size else None

    return HealthCheck("EmptyErrorMailRepository", errors)


def directory_checks(users: UsersRepository) -> list[HealthCheck]:
    """Unhealthy while no server of the directory answers. The name is James's."""
    directory = users.directory
    if directory is None:
        return []

    async def answers() -> Found:
        await directory.probe()
        return None

    return [HealthCheck("LDAP User Server", answers)]


def queue_consumers_check(queues: MailQueues, roles: Roles, clock: Clock, *, is_cluster: bool = False) -> HealthCheck:
    """Degraded when mails come into a queue and nothing takes them out: one in which a mail that is ready has waited for
    `UNCONSUMED_SECONDS`, or, unless other nodes may take its mails, a queue that this process feeds and does not consume. The
    name is James's."""

    async def consumers() -> Found:
        names = sorted({*await queues.names(), *roles.feeds} - roles.consumes)
        idle = [name for name in names if (name in roles.feeds and not is_cluster) or await _waits(queues, name, clock)]
        if not idle:
            return None
        sizes = [await queues.queue(name).size() for name in idle]
        listed = ", ".join(f"{name!r} ({size} mails)" for name, size in zip(idle, sizes, strict=True))
        return HealthStatus.DEGRADED, (
            f"nothing takes mails from {listed}: give the spooler threads, or the container a RemoteDelivery mailet"
        )

    return HealthCheck("MailQueueConsumers", consumers)


async def _waits(queues: MailQueues, name: str, clock: Clock) -> bool:
    async for oldest in queues.queue(name).browse(delayed=False, limit=1):
        return clock.now() - oldest.enqueued_at >= UNCONSUMED_SECONDS
    return False


def task_consumers_check(tasks: Tasks, roles: Roles, clock: Clock) -> HealthCheck:
    """Degraded when this process runs no tasks, one has waited for `UNCONSUMED_SECONDS`, and no process runs any."""

    async def consumers() -> Found:
        if roles.tasks or not await tasks.waiting():
            return None
        late = TaskQuery(TaskStatus.WAITING, submitted_before=clock.now() - UNCONSUMED_SECONDS)
        if await tasks.page(TaskQuery(TaskStatus.IN_PROGRESS), offset=0, limit=1):
            return None
        if not await tasks.page(late, offset=0, limit=1):
            return None
        return HealthStatus.DEGRADED, (
            f"nothing runs the {await tasks.waiting()} tasks that wait: task.consumption.enabled is false here"
        )

    return HealthCheck("TaskManagerConsumers", consumers)


def worker_checks(siblings: Siblings) -> list[HealthCheck]:
    """Of a server with worker processes: degraded when some of them are not ready."""
    if isinstance(siblings, NoSiblings):
        return []

    async def workers() -> Found:
        missing = siblings.missing
        return (HealthStatus.DEGRADED, f"{missing} of the worker processes are not ready") if missing else None

    return [HealthCheck("Workers", workers)]
