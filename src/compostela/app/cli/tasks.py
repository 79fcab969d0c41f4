"""`compostela task`."""

from typing import Any
from urllib.parse import urlencode

import click

from compostela.app.cli.client import Client, part, require_completed, with_client

STATUSES = ("waiting", "inProgress", "canceledRequested", "completed", "canceled", "failed")


@click.group()
def task() -> None:
    """Long work that was started: list it, wait for it, cancel it."""


@task.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those of this status.")
@click.option("--type", "kind", help="Only those of this type, such as reprocessing-all.")
@click.option("--offset", default=0, show_default=True, help="Pass over so many.")
@click.option("--limit", default=50, show_default=True, help="At most so many.")
@with_client
def list_tasks(client: Client, status: str | None, kind: str | None, offset: int, limit: int) -> None:
    """List tasks, the newest first."""
    chosen = {"status": status, "type": kind, "offset": offset, "limit": limit}
    query = urlencode({name: value for name, value in chosen.items() if value is not None})
    found = client.call("GET", f"/tasks?{query}")
    client.show(found if client.as_json else [_line(one) for one in found])


@task.command("show")
@click.argument("task_id")
@with_client
def show_task(client: Client, task_id: str) -> None:
    """Show how far a task is, or how it ended."""
    found = client.call("GET", f"/tasks/{part(task_id)}")
    client.show(found, _text(found))


@task.command("await")
@click.argument("task_id")
@click.option("--timeout", "seconds", default=86400.0, show_default=True, help="Seconds to wait at most.")
@with_client
def await_task(client: Client, task_id: str, seconds: float) -> None:
    """Wait for the end of a task, with a progress bar. The exit status is 1 if it does not complete."""
    found = client.follow_task(task_id, seconds)
    client.show(found, _text(found))
    require_completed(found)


@task.command("cancel")
@click.argument("task_id")
@with_client
def cancel_task(client: Client, task_id: str) -> None:
    """Ask a task to end. It ends within seconds; 'task await' waits for that."""
    client.call("DELETE", f"/tasks/{part(task_id)}")
    client.show({"cancelled": task_id}, f"the task {task_id} is asked to end")


def _line(found: dict[str, Any]) -> str:
    return f"{found['taskId']}  {found['submitDate']}  {found['status']:12}  {found['type']}"


def _text(found: dict[str, Any]) -> str:
    """A field a line."""
    shown = {name: value for name, value in found.items() if name != "additionalInformation"}
    about = {name: value for name, value in found["additionalInformation"].items() if name not in ("type", "timestamp")}
    lines = [f"{name}: {value}" for name, value in shown.items() if value is not None]
    return "\n".join([*lines, *(f"  {name}: {value}" for name, value in about.items())])
