"""`compostela queue`."""

from collections.abc import Callable
from typing import Any

import click

from compostela.app.cli.client import Client, add_old_name, confirm, part, printable, with_client, yes_option

MAX_ERROR_CHARACTERS = 1000
"""Of an error in the list; JSON has all of it."""


@click.group()
def queue() -> None:
    """Mail queues."""


@queue.command("list")
@with_client
def list_queues(client: Client) -> None:
    """List the queues with their sizes."""
    found = [client.call("GET", f"/mailQueues/{part(name)}") for name in client.call("GET", "/mailQueues")]
    client.show(found if client.as_json else [f"{one['name']}  {one['size']}" for one in found])


@queue.command("show")
@click.argument("name")
@click.argument("mail", required=False)
@click.option("--limit", default=100, show_default=True, help="At most so many.")
@click.option("--delayed/--ready", default=None, help="Only mails that wait for their time, or only others.")
@with_client
def show_queue(client: Client, name: str, mail: str | None, limit: int, delayed: bool | None) -> None:
    """Show the mails of the queue NAME, or the one with the name MAIL: sender, recipients, size, arrival, failed attempts, the next
    attempt and the last error."""
    path = f"/mailQueues/{part(name)}/mails"
    if mail is not None:
        found = client.call("GET", f"{path}/{part(mail).replace('/', '%2F')}")
        client.show(found, _described(found))
        return
    chosen = "" if delayed is None else f"&delayed={str(delayed).lower()}"
    mails = client.call("GET", f"{path}?limit={limit}{chosen}")
    client.show(
        mails, "\n\n".join(map(_described, mails)) if mails else f"no mail in {name}{' of this kind' if chosen else ''}"
    )


def _described(mail: dict[str, Any]) -> str:
    lines = [
        f"{mail['name']}  {mail['size']} octets  from {mail['sender'] or '<>'}",
        *(f"  to {one}" for one in mail["recipients"]),
        f"  arrived {mail['arrival']}, failed attempts: {mail['attempts']}, next: {_next(mail)}",
    ]
    if mail["lastError"]:
        error = printable(" ".join(mail["lastError"].split()))
        lines.append(f"  last error: {error[:MAX_ERROR_CHARACTERS]}")
    return "\n".join(lines)


def _next(mail: dict[str, Any]) -> str:
    due = str(mail.get("nextDelivery", "now"))
    return f"held ({due} once it is released)" if mail["held"] else due


def _not_empty(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """An empty variable of a script must not choose all mails."""
    if value == "":
        raise click.BadParameter("is empty: leave it out to choose all mails", param=option)
    return value


_CRITERIA = (
    click.option("--mail", "name", callback=_not_empty, help="The mail of this name."),
    click.option("--sender", callback=_not_empty, help="Mails of this sender; <> for reports and others without one."),
    click.option("--recipient", callback=_not_empty, help="Mails to this recipient."),
    click.option("--destination", callback=_not_empty, help="Mails to a recipient of this domain."),
)


def _choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that choose mails."""
    for option in reversed(_CRITERIA):
        command = option(command)
    return command


def _query(given: dict[str, str | None]) -> str:
    return "".join(f"&{key}={part(value)}" for key, value in given.items() if value)


@queue.command("flush")
@click.argument("queue_name", metavar="NAME")
@_choosing
@with_client
def flush_queue(client: Client, /, queue_name: str, **given: str | None) -> None:
    """Try delayed mails now: all, or those that fit what is given."""
    client.call("PATCH", f"/mailQueues/{part(queue_name)}/mails?delayed=true{_query(given)}", {"delayed": False})
    client.show({"name": queue_name}, f"the delayed mails of {queue_name} are tried now")


@queue.command("hold")
@click.argument("queue_name", metavar="NAME")
@_choosing
@with_client
def hold_mails(client: Client, /, queue_name: str, **given: str | None) -> None:
    """Hold mails back that are in the queue NAME now, all or those that fit what is given, until `queue release`. What is in work
    goes on."""
    _hold(client, queue_name, given, held=True)


@queue.command("release")
@click.argument("queue_name", metavar="NAME")
@_choosing
@with_client
def release_mails(client: Client, /, queue_name: str, **given: str | None) -> None:
    """Let held mails go on, all or those that fit what is given."""
    _hold(client, queue_name, given, held=False)


def _hold(client: Client, name: str, given: dict[str, str | None], *, held: bool) -> None:
    done = client.call("PATCH", f"/mailQueues/{part(name)}/mails?{_query(given).removeprefix('&')}", {"held": held})
    client.show(done, f"{done['changedMailCount']} mails of {name} are {'held' if held else 'released'}")


@queue.command("remove")
@click.argument("queue_name", metavar="NAME")
@_choosing
@yes_option
@with_client
def delete_mails(client: Client, /, queue_name: str, yes: bool, **given: str | None) -> None:
    """Delete mails; without a choice, all of them."""
    chosen = "the chosen mails" if any(given.values()) else "all mails"
    confirm(f"{chosen} of {queue_name} are deleted, and no sender is told", yes)
    report = client.run_task("DELETE", f"/mailQueues/{part(queue_name)}/mails?{_query(given).removeprefix('&')}")
    about = report["additionalInformation"]
    client.show(about, f"{about['initialCount'] - about['remainingCount']} mails deleted")


add_old_name(queue, "delete", delete_mails)
add_old_name(queue, "browse", show_queue)
