"""A task of one's own: mails of a repository that are older than some days go.

In extensions.properties `guice.extension.tasks = examples.tasks.ExpireMails`, and in tasks.properties for example
`schedule = 30 2 * * * expire-mails {"path": "var/mail/spam", "days": 30}`.
"""

from dataclasses import dataclass

from compostela.core.extension_parts import ExtensionParts
from compostela.core.repository.ports import RepositoryQuery
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner


@dataclass(frozen=True, slots=True)
class Expiry:
    path: str
    days: int


class ExpireMails(TaskRunner[Expiry]):
    name = "expire-mails"
    arguments = Expiry

    def __init__(self, parts: ExtensionParts) -> None:
        self._repositories = parts.repositories
        self._clock = parts.clock

    async def describe(self, arguments: Expiry) -> Json:
        return {"repositoryPath": arguments.path, "removedCount": 0}

    async def run(self, arguments: Expiry, context: TaskContext) -> None:
        # to remove an old mail twice does no harm, so there is nothing to remember for a later run but the count
        progress = context.progress or {"removed": 0}
        removed = progress["removed"]
        assert isinstance(removed, int)
        query = RepositoryQuery(updated_before=self._clock.now() - arguments.days * 86400)
        for repository in await self._repositories.by_path(arguments.path):
            async for key in repository.keys(query):
                removed += await repository.remove(key, await repository.entry(key))
                about = {"repositoryPath": arguments.path, "removedCount": removed}
                await context.report(about, {"removed": removed})
