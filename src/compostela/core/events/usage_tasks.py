"""The task that takes the usage of all users anew from their mailboxes."""

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum

from compostela.base.errors import TemporaryFailure
from compostela.core.events.usage import UsageStore
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.core.users.service import UsersRepository

MAX_NAMED_USERS = 100
"""Users whose failure is told by name."""


class QuotaComponent(StrEnum):
    """What has a usage, by James's names. Only that of mailboxes is kept: the size of scripts is added up when it is asked for."""

    MAILBOX = "MAILBOX"
    SIEVE = "SIEVE"
    JMAP_UPLOADS = "JMAP_UPLOADS"


@dataclass(frozen=True, slots=True)
class RecomputeUsage:
    users_per_second: int = 1
    components: tuple[QuotaComponent, ...] = tuple(QuotaComponent)


class RecomputeUsageTask(TaskRunner[RecomputeUsage]):
    """Each user is one step that may be repeated; a run that was cut off begins with the first user again."""

    name = "recompute-current-quotas"
    arguments = RecomputeUsage

    def __init__(self, users: UsersRepository, usage: UsageStore) -> None:
        self._users = users
        self._usage = usage

    async def describe(self, arguments: RecomputeUsage) -> Json:
        return _information(arguments, 0, [])

    async def run(self, arguments: RecomputeUsage, context: TaskContext) -> None:
        if QuotaComponent.MAILBOX not in arguments.components:
            return
        processed, failed, began = 0, list[str](), time.monotonic()
        async for user in self._users.names():
            try:
                await self._usage.recompute(user)
                processed += 1
            except TemporaryFailure:
                failed = [*failed, user.value][:MAX_NAMED_USERS]
            if processed % arguments.users_per_second == 0:
                await context.report(_information(arguments, processed, failed))
                await asyncio.sleep(max(0.0, began + 1.0 - time.monotonic()))
                began = time.monotonic()
        await context.report(_information(arguments, processed, failed))


def _information(arguments: RecomputeUsage, processed: int, failed: list[str]) -> Json:
    of_mailboxes = QuotaComponent.MAILBOX
    return {
        "recomputeSingleQuotaComponentResults": [
            {
                "quotaComponent": str(component),
                "processedIdentifierCount": processed if component is of_mailboxes else 0,
                "failedIdentifiers": failed if component is of_mailboxes else [],
            }
            for component in arguments.components
        ],
        "runningOptions": {
            "usersPerSecond": arguments.users_per_second,
            "quotaComponents": [str(component) for component in arguments.components],
        },
    }
