"""/events/deadLetter: changes that listener groups could not take."""

import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.clock import as_datetime
from compostela.core.events.model import LOG_END, DeadLetter
from compostela.core.events.ports import DeadLetters
from compostela.core.events.redelivery import (
    RedeliverAll,
    RedeliverAllTask,
    RedeliverGroup,
    RedeliverGroupTask,
    RedeliverOne,
    RedeliverOneTask,
)
from compostela.core.tasks.service import Tasks
from compostela.model.username import Username
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import chosen_of, limit_of
from compostela.web.webadmin.tasks import submitted

_ALL = "/events/deadLetter"
_GROUP = "/events/deadLetter/groups/{group}"
_ONE = "/events/deadLetter/groups/{group}/{letter}"


class DeadLetterRoutes:
    def __init__(self, letters: DeadLetters, tasks: Tasks) -> None:
        self._letters = letters
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [
            Route("/events/deadLetter/groups", self.groups, methods=["GET"]),
            Route(_GROUP, self.list, methods=["GET"]),
            Route(_GROUP, self.remove_all, methods=["DELETE"]),
            Route(_GROUP, self.redeliver_group, methods=["POST"]),
            Route(_ONE, self.get, methods=["GET"]),
            Route(_ONE, self.remove, methods=["DELETE"]),
            Route(_ONE, self.redeliver_one, methods=["POST"]),
            Route(_ALL, self.redeliver_all, methods=["POST"]),
        ]

    async def groups(self, _: Request) -> Response:
        """Groups with dead letters."""
        return JsonResponse(await self._letters.groups())

    async def list(self, request: Request) -> Response:
        """Ids of a group's dead letters, the oldest first."""
        return JsonResponse(list(await self._letters.ids(_group(request))))

    async def get(self, request: Request) -> Response:
        """The changes that one dead letter is about, and the error."""
        return JsonResponse(_document(await self._letter(request)))

    async def remove(self, request: Request) -> Response:
        """Removes a dead letter."""
        await self._letters.remove(_group(request), _letter_id(request))
        return no_content()

    async def remove_all(self, request: Request) -> Response:
        """Removes all dead letters of a group."""
        await self._letters.remove_all(_group(request))
        return no_content()

    async def redeliver_all(self, request: Request) -> Response:
        """A task that tells the changes of all dead letters again (`action=reDeliver`); at most `limit` of each group."""
        chosen_of(request, "action", ["reDeliver"])
        return await submitted(self._tasks, RedeliverAllTask.name, RedeliverAll(limit_of(request)))

    async def redeliver_group(self, request: Request) -> Response:
        """The same for one group."""
        chosen_of(request, "action", ["reDeliver"])
        arguments = RedeliverGroup(_group(request), limit_of(request))
        return await submitted(self._tasks, RedeliverGroupTask.name, arguments)

    async def redeliver_one(self, request: Request) -> Response:
        """The same for one dead letter."""
        chosen_of(request, "action", ["reDeliver"])
        letter = await self._letter(request)
        return await submitted(self._tasks, RedeliverOneTask.name, RedeliverOne(letter.group, letter.id))

    async def _letter(self, request: Request) -> DeadLetter:
        name = _letter_id(request)
        letter = await self._letters.get(_group(request), name)
        if letter is None:
            raise not_found(f"There is no dead letter {name} of this group")
        return letter


def _group(request: Request) -> str:
    group: str = request.path_params["group"]
    if not group.strip():
        raise invalid("The group must not be blank")
    return group


def _letter_id(request: Request) -> str:
    try:
        return str(uuid.UUID(request.path_params["letter"]))
    except ValueError:
        raise invalid("Invalid insertion id") from None


def _document(letter: DeadLetter) -> dict[str, object]:
    """A one-key object, as James writes events. The changes are named by their range of ModSeqs: `since` is null for a snapshot,
    `until` is null for the deletion of the mailbox."""
    about: dict[str, object] = {
        "eventId": letter.id,
        "since": letter.since,
        "until": None if letter.until == LOG_END else letter.until,
        "error": letter.error,
        "failedAt": as_datetime(letter.failed_at).isoformat().replace("+00:00", "Z"),
    }
    if isinstance(letter.log, Username):
        return {"MailboxTreeChanges": {**about, "user": str(letter.log)}}
    about["mailboxId"] = letter.log
    if letter.mailbox is not None:
        path = letter.mailbox.path
        about["user"] = str(path.user)
        about["path"] = {"namespace": path.namespace, "user": str(path.user), "name": path.name}
    return {"MailboxChanges": about}
