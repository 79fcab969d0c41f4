"""A task that is run by itself."""

import uuid
from typing import Any

from compostela.core.tasks.model import Json, TaskState
from compostela.core.tasks.runner import TaskContext, TaskRunner


async def run_task(runner: TaskRunner[Any], arguments: object) -> Json:
    """What it told last."""

    async def save(state: TaskState) -> None:
        pass

    context = TaskContext(uuid.uuid4(), TaskState(None, {}, 0.0), lambda: 0.0, save)
    await runner.run(arguments, context)
    return context.state.information
