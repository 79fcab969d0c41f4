"""/tasks: long work that was started."""

import asyncio
import socket
import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.tasks.manager import TaskManager, TaskStatus
from compostela.web.webadmin.errors import ApiError, invalid
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import duration_of, offset_of
from compostela.web.webadmin.tasks import report

MAX_AWAIT_SECONDS = 365 * 86400.0


class TaskRoutes:
    def __init__(self, manager: TaskManager) -> None:
        self._manager = manager
        self._host = socket.gethostname()

    def routes(self) -> list[Route]:
        return [
            Route("/tasks", self.list, methods=["GET"]),
            Route("/tasks/{task}", self.get, methods=["GET"]),
            Route("/tasks/{task}", self.cancel, methods=["DELETE"]),
            Route("/tasks/{task}/await", self.wait, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        """Tasks, the newest first; `status`, `type`, `offset` and `limit` choose."""
        status = request.query_params.get("status")
        wanted_type = request.query_params.get("type")
        if status is not None and status not in {s.value for s in TaskStatus}:
            raise invalid("Invalid status query parameter")
        found = [
            report(execution, self._host)
            for execution in self._manager.executions()
            if (status is None or execution.status.value == status)
            and (wanted_type is None or execution.task.type == wanted_type)
        ]
        offset = offset_of(request)
        limit = request.query_params.get("limit")
        if limit is not None and not limit.isdigit():
            raise invalid("Can not parse limit")
        return JsonResponse(found[offset : None if limit is None else offset + int(limit)])

    async def get(self, request: Request) -> Response:
        """How far a task is."""
        return JsonResponse(report(self._manager.execution(_task_id(request)), self._host))

    async def wait(self, request: Request) -> Response:
        """Answers when the task has ended; 408 after `timeout`."""
        execution = self._manager.execution(_task_id(request))
        seconds = duration_of(request, "timeout", "s")
        if seconds is not None and seconds > MAX_AWAIT_SECONDS:
            raise invalid("Timeout should not exceed 365 days")
        try:
            async with asyncio.timeout(MAX_AWAIT_SECONDS if seconds is None else seconds):
                await execution.finished.wait()
        except TimeoutError:
            raise ApiError(408, "InvalidArgument", "The timeout has been reached") from None
        return JsonResponse(report(execution, self._host))

    async def cancel(self, request: Request) -> Response:
        """Asks a task to end."""
        self._manager.cancel(_task_id(request))
        return no_content()


def _task_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.path_params["task"])
    except ValueError:
        raise invalid("Invalid task id") from None
