"""How tasks look in the administration API."""

from datetime import UTC, datetime

from starlette.responses import Response

from compostela.base.clock import as_datetime
from compostela.core.tasks.manager import Task, TaskExecution, TaskManager, TaskStatus
from compostela.web.webadmin.json import JsonResponse


def submitted(manager: TaskManager, task: Task) -> Response:
    """201 with the task's id."""
    task_id = str(manager.submit(task))
    return JsonResponse({"taskId": task_id}, status_code=201, headers={"Location": f"/tasks/{task_id}"})


def _date(epoch_seconds: float) -> str:
    moment = as_datetime(epoch_seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


_END_NAMES = {
    TaskStatus.COMPLETED: "completedDate",
    TaskStatus.CANCELED: "canceledDate",
    TaskStatus.FAILED: "failedDate",
}


def report(execution: TaskExecution, host: str) -> dict[str, object]:
    """The execution report; dates that are not set are left out."""
    document: dict[str, object] = {
        "taskId": str(execution.id),
        "type": execution.task.type,
        "status": execution.status.value,
        "submitDate": _date(execution.submitted_at),
        "submittedFrom": host,
        "executedOn": host if execution.started_at is not None else None,
        "additionalInformation": {
            **execution.task.information(),
            "type": execution.task.type,
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        },
    }
    if execution.started_at is not None:
        document["startedDate"] = _date(execution.started_at)
    if execution.ended_at is not None:
        document[_END_NAMES[execution.status]] = _date(execution.ended_at)
    if execution.status is TaskStatus.CANCELED:
        document["cancelledFrom"] = host
    return document
