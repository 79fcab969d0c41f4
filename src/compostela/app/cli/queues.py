"""`compostela queue`."""

from typing import Any

import click

from compostela.app.cli.client import Client, add_old_name, confirm, part, with_client, yes_option

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
    """Show the mails of the queue NAME, or the one with the name MAIL: sender, recipients, size, arrival, failed attempts, the next attempt and the
    last error."""
    path = f"/mailQueues/{part(name)}/mails"
    if mail is not None:
        found = client.call("GET", f"{path}/{part(mail).replace('/', '%2F')}")
        client.show(found, _described(found))
        return
    chosen = "" if delayed is None else f"&delayed={str(delayed).lower()}"
    mails = client.call("GET", f"{path}?limit={limit}{chosen}")
    client.show(mails, "\n\n".join(map(_described, mails)) if mails else f"{name} has no such mail")


def _described(mail: dict[str, Any]) -> str:
    lines = [
        f"{mail['name']}  {mail['size']} octets  from {mail['sender'] or '<>'}",
        *(f"  to {one}" for one in mail["recipients"]),
        f"  arrived {mail['arrival']}, failed attempts: {mail['attempts']}, next: {mail.get('nextDelivery', 'now')}",
    ]
    if mail["lastError"]:
        error = " ".join(mail["lastError"].split())
        lines.append(f"  last error: {error[:MAX_ERROR_CHARACTERS]}")
    return "\n".join(lines)


@queue.command("flush")
@click.argument("name")
@with_client
def flush_queue(client: Client, name: str) -> None:
    """Try delayed mails now."""
    client.call("PATCH", f"/mailQueues/{part(name)}/mails?delayed=true", {"delayed": False})
    client.show({"name": name}, f"the delayed mails of {name} are tried now")


@queue.command("remove")
@click.argument("name")
@click.option("--mail", help="Only the mail of this name.")
@click.option("--sender", help="Only mails of this sender.")
@click.option("--recipient", help="Only mails to this recipient.")
@yes_option
@with_client
def delete_mails(
    client: Client, name: str, mail: str | None, sender: str | None, recipient: str | None, yes: bool
) -> None:
    """Delete mails; without a choice, all of them."""
    given = {"name": mail, "sender": sender, "recipient": recipient}
    chosen = "the chosen mails" if any(given.values()) else "all mails"
    confirm(f"{chosen} of {name} are deleted, and no sender is told", yes)
    query = "&".join(f"{key}={part(value)}" for key, value in given.items() if value)
    report = client.run_task("DELETE", f"/mailQueues/{part(name)}/mails?{query}")
    about = report["additionalInformation"]
    client.show(about, f"{about['initialCount'] - about['remainingCount']} mails deleted")


add_old_name(queue, "delete", delete_mails)
add_old_name(queue, "browse", show_queue)
