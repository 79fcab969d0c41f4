"""/tasks: long work that was started."""

import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.clock import Clock
from compostela.core.tasks.cleanup import CleanTasks, CleanTasksTask
from compostela.core.tasks.model import TaskQuery, TaskStatus
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.errors import ApiError, invalid
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import duration_of, offset_of, time_of
from compostela.web.webadmin.tasks import report, submitted

MAX_AWAIT_SECONDS = 365 * 86400.0
MAX_LISTED = 10_000
"""Tasks of one answer, when no `limit` is given."""


class TaskRoutes:
    def __init__(self, tasks: Tasks, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock

    def routes(self) -> list[Route]:
        return [
            Route("/tasks", self.list, methods=["GET"]),
            Route("/tasks", self.clean, methods=["DELETE"]),
            Route("/tasks/{task}", self.get, methods=["GET"]),
            Route("/tasks/{task}", self.cancel, methods=["DELETE"]),
            Route("/tasks/{task}/await", self.wait, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        """Tasks, the newest first; `status`, `type`, `submittedBefore`, `submittedAfter`, `startedBefore`, `startedAfter`,
        `completedBefore`, `completedAfter`, `failedBefore`, `failedAfter`, `offset` and `limit` choose."""
        limit = request.query_params.get("limit")
        if limit is not None and not limit.isdecimal():
            raise invalid("Can not parse limit")
        most = MAX_LISTED if limit is None else min(int(limit), MAX_LISTED)
        found = await self._tasks.page(_query(request), offset=offset_of(request), limit=most)
        return JsonResponse([report(task) for task in found])

    async def get(self, request: Request) -> Response:
        """How far a task is."""
        return JsonResponse(report(await self._tasks.find(_task_id(request))))

    async def wait(self, request: Request) -> Response:
        """Answers when the task has ended, on whichever node; 408 after `timeout`."""
        task_id = _task_id(request)
        seconds = duration_of(request, "timeout", "s")
        if seconds is not None and seconds > MAX_AWAIT_SECONDS:
            raise invalid("Timeout should not exceed 365 days")
        try:
            task = await self._tasks.wait(task_id, MAX_AWAIT_SECONDS if seconds is None else seconds)
        except TimeoutError:
            raise ApiError(408, "InvalidArgument", "The timeout has been reached") from None
        return JsonResponse(report(task))

    async def cancel(self, request: Request) -> Response:
        """Asks a task to end, on whichever node."""
        await self._tasks.cancel(_task_id(request))
        return no_content()

    async def clean(self, request: Request) -> Response:
        """A task that removes the tasks which ended longer ago than `olderThan`."""
        seconds = duration_of(request, "olderThan", "s")
        if seconds is None:
            raise invalid("'olderThan' query parameter is compulsory")
        return await submitted(self._tasks, CleanTasksTask.name, CleanTasks(self._clock.now() - seconds))


def _query(request: Request) -> TaskQuery:
    status = request.query_params.get("status")
    if status is not None and status not in {one.value for one in TaskStatus}:
        raise invalid("Invalid status query parameter")
    return TaskQuery(
        status=None if status is None else TaskStatus(status),
        type=request.query_params.get("type"),
        submitted_before=time_of(request, "submittedBefore"),
        submitted_after=time_of(request, "submittedAfter"),
        started_before=time_of(request, "startedBefore"),
        started_after=time_of(request, "startedAfter"),
        completed_before=time_of(request, "completedBefore"),
        completed_after=time_of(request, "completedAfter"),
        failed_before=time_of(request, "failedBefore"),
        failed_after=time_of(request, "failedAfter"),
    )


def _task_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.path_params["task"])
    except ValueError:
        raise invalid("Invalid task id") from None
