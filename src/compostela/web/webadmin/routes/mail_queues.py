"""/mailQueues: what waits to be processed or sent."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.clock import as_datetime
from compostela.base.errors import InvalidArgument
from compostela.core.queue.model import QueuedMail, Selection
from compostela.core.queue.ports import MailQueue, MailQueues
from compostela.core.queue.tasks import (
    REPUBLISH,
    ClearQueue,
    ClearQueueTask,
    DeleteFromQueue,
    DeleteFromQueueTask,
    RepublishNotProcessed,
)
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content, read_json
from compostela.web.webadmin.parameters import boolean_of, chosen_of, duration_of, limit_of
from compostela.web.webadmin.tasks import submitted

_CRITERIA = ("sender", "name", "recipient", "destination")


class MailQueueRoutes:
    def __init__(self, queues: MailQueues, tasks: Tasks) -> None:
        self._queues = queues
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [
            Route("/mailQueues", self.names, methods=["GET"]),
            Route("/mailQueues/{queue}", self.describe, methods=["GET"]),
            Route("/mailQueues/{queue}/mails", self.browse, methods=["GET"]),
            Route("/mailQueues/{queue}/mails/{mail}", self.show, methods=["GET"]),
            Route("/mailQueues/{queue}/mails", self.delete, methods=["DELETE"]),
            Route("/mailQueues/{queue}/mails", self.change, methods=["PATCH"]),
            Route("/mailQueues/{queue}", self.change, methods=["PATCH"]),
            Route("/mailQueues/{queue}", self.republish, methods=["POST"]),
        ]

    async def names(self, _: Request) -> Response:
        """Names of the queues."""
        return JsonResponse(await self._queues.names())

    async def describe(self, request: Request) -> Response:
        """Name and size of a queue."""
        queue = await self._queue(request)
        return JsonResponse({"name": queue.name, "size": await queue.size()})

    async def browse(self, request: Request) -> Response:
        """Mails of a queue; `delayed` and `limit` choose. Size, arrival, attempts, the last error and `held` are ours."""
        queue = await self._queue(request)
        mails = queue.browse(delayed=boolean_of(request, "delayed", None), limit=limit_of(request))
        return JsonResponse([_document(mail) async for mail in mails])

    async def show(self, request: Request) -> Response:
        """The mail of this name."""
        queue = await self._queue(request)
        name = request.path_params["mail"]
        async for mail in queue.browse():
            if mail.name == name:
                return JsonResponse(_document(mail))
        raise not_found(f"There is no mail {name} in the queue {queue.name}")

    async def delete(self, request: Request) -> Response:
        """A task that deletes all mails, or those of one `sender`, `name`, `recipient` or `destination` (a domain)."""
        queue = await self._queue(request)
        _check_criteria(request)
        given = [name for name in _CRITERIA if name in request.query_params]
        if len(given) > 1:
            raise invalid(f"You should provide only one of the query parameters {', '.join(map(repr, _CRITERIA))}")
        if not given:
            return await submitted(self._tasks, ClearQueueTask.name, ClearQueue(queue.name))
        criterion = {given[0]: request.query_params[given[0]]}
        return await submitted(self._tasks, DeleteFromQueueTask.name, DeleteFromQueue(queue.name, **criterion))

    async def change(self, request: Request) -> Response:
        """With `delayed=true` and the body `{"delayed":false}`: delayed mails are ready now. With the body `{"held":true}` no
        consumer gets the mails until `{"held":false}` releases them; the answer says how many mails changed. `sender`, `name`,
        `recipient` and `destination` choose; mails that fit all of them are meant."""
        queue = await self._queue(request)
        form = await read_json(request, dict[str, bool])
        chosen = _selection(request)
        if form in ({"held": True}, {"held": False}):
            changed = await (queue.hold(chosen) if form["held"] else queue.release(chosen))
            return JsonResponse({"changedMailCount": changed})
        if boolean_of(request, "delayed", None) is not True or form != {"delayed": False}:
            raise invalid('Only {"held":true}, {"held":false}, and delayed=true with {"delayed":false} are supported')
        await queue.flush(chosen)
        return no_content()

    async def republish(self, request: Request) -> Response:
        """With `action=RepublishNotProcessedMails`: a task that hands out again the mails that have been ready for `olderThan` (by
        default in days) and that no node has in work: the broker may have lost them. Nodes do this by themselves too."""
        queue = await self._queue(request)
        chosen_of(request, "action", ("RepublishNotProcessedMails",))
        seconds = duration_of(request, "olderThan", "days")
        if not seconds:
            raise invalid("'olderThan' query parameter is compulsory, and more than 0")
        try:
            self._tasks.types.runner(REPUBLISH)
        except InvalidArgument:
            raise invalid("the queues of this edition have no broker that could lose mails") from None
        return await submitted(self._tasks, REPUBLISH, RepublishNotProcessed(queue.name, seconds))

    async def _queue(self, request: Request) -> MailQueue:
        name = request.path_params["queue"]
        if name not in await self._queues.names():
            raise not_found(f"{name} can not be found")
        return self._queues.queue(name)


def _check_criteria(request: Request) -> None:
    """Refuses an empty criterion: the variable of a script that has no value must not choose all mails."""
    for name in _CRITERIA:
        if request.query_params.get(name) == "":
            raise invalid(f"The query parameter '{name}' is empty: leave it out to choose all mails")


def _selection(request: Request) -> Selection:
    _check_criteria(request)
    given = request.query_params
    return Selection.parse(given.get("sender"), given.get("name"), given.get("recipient"), given.get("destination"))


def _document(mail: QueuedMail) -> dict[str, object]:
    document: dict[str, object] = {
        "name": mail.name,
        "sender": None if mail.sender is None else str(mail.sender),
        "recipients": [str(recipient) for recipient in mail.recipients],
    }
    if mail.next_delivery_at is not None:
        document["nextDelivery"] = _time(mail.next_delivery_at)
    document |= {
        "size": mail.size,
        "arrival": _time(mail.enqueued_at),
        "attempts": mail.failures,
        "lastError": mail.last_error,
        "held": mail.is_held,
    }
    return document


def _time(seconds: float) -> str:
    return as_datetime(seconds).isoformat().replace("+00:00", "Z")
