"""How tasks look in the administration API."""

from starlette.responses import Response

from compostela.base.clock import as_datetime
from compostela.core.tasks.model import TaskRecord, TaskStatus
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.json import JsonResponse


async def submitted(tasks: Tasks, name: str, arguments: object) -> Response:
    """201 with the task's id, once the task is durable."""
    task_id = str(await tasks.submit(name, arguments))
    return JsonResponse({"taskId": task_id}, status_code=201, headers={"Location": f"/tasks/{task_id}"})


def _date(epoch_seconds: float) -> str:
    moment = as_datetime(epoch_seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


_END_NAMES = {
    TaskStatus.COMPLETED: "completedDate",
    TaskStatus.CANCELED: "canceledDate",
    TaskStatus.FAILED: "failedDate",
}


def report(task: TaskRecord) -> dict[str, object]:
    """The execution report; dates that are not set are left out, hosts that are not known are null. `failure` is ours: why
    the task failed."""
    document: dict[str, object] = {
        "taskId": str(task.id),
        "type": task.type,
        "status": task.status.value,
        "submitDate": _date(task.submitted_at),
        "submittedFrom": task.submitted_from,
        "executedOn": task.executed_on,
        "cancelledFrom": task.cancelled_from,
        "additionalInformation": {
            **task.state.information,
            "type": task.type,
            "timestamp": as_datetime(task.state.information_at).isoformat().replace("+00:00", "Z"),
        },
    }
    if task.started_at is not None:
        document["startedDate"] = _date(task.started_at)
    if task.ended_at is not None:
        document[_END_NAMES[task.status]] = _date(task.ended_at)
    if task.failure is not None:
        document["failure"] = task.failure
    return document
