"""/mailRepositories: mails that were put aside."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from compostela.base.clock import Clock
from compostela.core.blob.model import MessageContent
from compostela.core.mail.model import Mail
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepository, MailRepositoryStore, RepositoryQuery
from compostela.core.repository.settings import RepositorySettings
from compostela.core.repository.tasks import (
    ClearRepository,
    ClearRepositoryTask,
    ReprocessAll,
    ReprocessAllTask,
    ReprocessOne,
    ReprocessOneTask,
)
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.errors import ApiError, invalid, not_found
from compostela.web.webadmin.json import JsonResponse, body_bytes, no_content
from compostela.web.webadmin.mail_documents import ADDITIONAL_FIELDS, mail_document
from compostela.web.webadmin.parameters import boolean_of, chosen_of, duration_of, limit_of, offset_of
from compostela.web.webadmin.tasks import submitted

_ALL = "/mailRepositories/{path:path}/mails"
_ONE = "/mailRepositories/{path:path}/mails/{key}"


class MailRepositoryRoutes:
    """`{path}` arrives percent-decoded; one repository path may exist under several protocols."""

    def __init__(
        self,
        repositories: MailRepositoryStore,
        settings: RepositorySettings,
        queues: MailQueues,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self._repositories = repositories
        self._settings = settings
        self._queues = queues
        self._tasks = tasks
        self._clock = clock

    def routes(self) -> list[Route]:
        return [
            Route("/mailRepositories", self.list, methods=["GET"]),
            Route(_ONE, self.get, methods=["GET"]),
            Route(_ONE, self.remove, methods=["DELETE"]),
            Route(_ONE, self.reprocess_one, methods=["PATCH"]),
            Route(_ALL, self.keys, methods=["GET"]),
            Route(_ALL, self.clear, methods=["DELETE"]),
            Route(_ALL, self.reprocess_all, methods=["PATCH"]),
            Route("/mailRepositories/{path:path}", self.describe, methods=["GET"]),
            Route("/mailRepositories/{path:path}", self.create, methods=["PUT"]),
        ]

    async def list(self, _: Request) -> Response:
        """All repositories."""
        urls = await self._repositories.urls()
        return JsonResponse([{"repository": url.path, "path": url.path} for url in urls])

    async def create(self, request: Request) -> Response:
        """Makes a repository of a `protocol`."""
        protocol = request.query_params.get("protocol")
        if not protocol:
            raise invalid("No protocol specified")
        await self._repositories.select(self._settings.url(f"{protocol}://{_path(request)}"))
        return no_content()

    async def describe(self, request: Request) -> Response:
        """Path and size of a repository."""
        repositories = await self._find(request)
        size = sum([await repository.size() for repository in repositories])
        path = repositories[0].url.path
        return JsonResponse({"repository": path, "path": path, "size": size})

    async def keys(self, request: Request) -> Response:
        """Keys of the mails; `offset`, `limit`, `updatedBefore`, `updatedAfter`, `sender`, `recipient`,
        `remoteAddress`, `remoteHost` choose."""
        offset, limit = offset_of(request), limit_of(request)
        query = self._query(request)
        found: list[str] = []
        for repository in await self._find(request):
            async for key in repository.keys(query):
                found.append(key)
                if limit is not None and len(found) >= offset + limit:
                    return JsonResponse(found[offset:])
        return JsonResponse(found[offset:])

    async def get(self, request: Request) -> Response:
        """What is known of a mail, with `additionalFields`; its octets when `message/rfc822` is accepted."""
        mail = await self._mail(request)
        if "message/rfc822" in request.headers.get("accept", ""):
            return StreamingResponse(
                _octets(mail.content),
                media_type="message/rfc822",
                headers={"Content-Length": str(mail.size)},
            )
        wanted = [name for name in request.query_params.get("additionalFields", "").split(",") if name]
        unknown = [name for name in wanted if name not in ADDITIONAL_FIELDS]
        if unknown:
            raise invalid(f"The field '{unknown[0]}' can't be requested in additionalFields parameter")
        return JsonResponse(await mail_document(mail, wanted))

    async def remove(self, request: Request) -> Response:
        """Removes a mail."""
        for repository in await self._find(request):
            await repository.remove(request.path_params["key"])
        return no_content()

    async def clear(self, request: Request) -> Response:
        """A task that removes all mails."""
        repositories = await self._find(request)
        return await submitted(self._tasks, ClearRepositoryTask.name, ClearRepository(repositories[0].url.path))

    async def reprocess_all(self, request: Request) -> Response:
        """As for one mail; `limit` is the number of mails to process."""
        repositories = await self._find(request)
        if not request.query_params.get("action"):
            return await self._move(request, repositories, None)
        options = _reprocessing(request)
        arguments = ReprocessAll(repositories[0].url.path, limit=limit_of(request), **options)
        return await submitted(self._tasks, ReprocessAllTask.name, arguments)

    async def reprocess_one(self, request: Request) -> Response:
        """With `action=reprocess`, a task that processes the mail again (`queue`, `processor`, `consume`,
        `forRecipient`); without, moves it to the `mailRepository` of the body."""
        repositories = await self._find(request)
        key = request.path_params["key"]
        if not request.query_params.get("action"):
            return await self._move(request, repositories, key)
        arguments = ReprocessOne(repositories[0].url.path, key, **_reprocessing(request))
        return await submitted(self._tasks, ReprocessOneTask.name, arguments)

    async def _move(self, request: Request, sources: Sequence[MailRepository], key: str | None) -> Response:
        try:
            target_path = msgspec.json.decode(await body_bytes(request), type=dict[str, str])["mailRepository"]
        except (msgspec.DecodeError, KeyError):
            raise invalid('The body must be {"mailRepository":"path"}') from None
        targets = await self._repositories.by_path(unquote(target_path).strip("/"))
        if not targets:
            raise ApiError(400, "InvalidArgument", f"The repository does not exist: {target_path}")
        for source in sources:
            if source.url == targets[0].url:
                raise invalid("source and target are the same repository")
            for one in [key] if key is not None else [found async for found in source.keys()]:  # noqa: SIM118
                entry, mail = await source.entry(one), await source.retrieve(one)
                if mail is not None:
                    await targets[0].store(mail)
                    await source.remove(one, entry)
        return no_content()

    async def _find(self, request: Request) -> Sequence[MailRepository]:
        path = _path(request)
        repositories = await self._repositories.by_path(path)
        if not repositories:
            raise not_found(f"The repository '{path}' does not exist")
        return repositories

    async def _mail(self, request: Request) -> Mail:
        key = request.path_params["key"]
        for repository in await self._find(request):
            mail = await repository.retrieve(key)
            if mail is not None:
                return mail
        raise not_found(f"Could not retrieve {key}")

    def _query(self, request: Request) -> RepositoryQuery:
        now = self._clock.now()
        before, after = duration_of(request, "updatedBefore", "s"), duration_of(request, "updatedAfter", "s")
        get = request.query_params.get
        return RepositoryQuery(
            updated_before=None if before is None else now - before,
            updated_after=None if after is None else now - after,
            sender=get("sender"),
            recipient=get("recipient"),
            remote_address=get("remoteAddress"),
            remote_host=get("remoteHost"),
        )


def _path(request: Request) -> str:
    path: str = unquote(request.path_params["path"]).strip("/")
    if not path:
        raise invalid("Invalid path")
    return path


def _reprocessing(request: Request) -> dict[str, Any]:
    """The arguments that reprocessing one mail and all have in common."""
    chosen_of(request, "action", ["reprocess"])
    return {
        "queue": request.query_params.get("queue") or "spool",
        "processor": request.query_params.get("processor") or None,
        "recipient": request.query_params.get("forRecipient") or None,
        "consume": boolean_of(request, "consume", True) is not False,
    }


async def _octets(content: MessageContent) -> AsyncIterator[bytes]:
    async for chunk in content.chunks():
        yield chunk
