"""`compostela queue`."""

import click

from compostela.app.cli.client import Client, add_old_name, confirm, fail, part, with_client, yes_option


@click.group()
def queue() -> None:
    """Mail queues."""


@queue.command("list")
@with_client
def list_queues(client: Client) -> None:
    """List the queues with their sizes."""
    found = [client.call("GET", f"/mailQueues/{part(name)}") for name in client.call("GET", "/mailQueues")]
    client.show(found if client.as_json else [f"{one['name']}  {one['size']}" for one in found])


@queue.command("browse")
@click.argument("name")
@click.option("--limit", default=100, show_default=True, help="At most so many.")
@with_client
def browse_queue(client: Client, name: str, limit: int) -> None:
    """List the mails of a queue."""
    found = client.call("GET", f"/mailQueues/{part(name)}/mails?limit={limit}")
    lines = [
        f"{one['name']}  {one['sender'] or '<>'} -> {', '.join(one['recipients'])}  {one.get('nextDelivery', 'ready')}"
        for one in found
    ]
    client.show(found if client.as_json else lines)


@queue.command("show")
@click.argument("name")
@click.argument("mail")
@with_client
def show_mail(client: Client, name: str, mail: str) -> None:
    """Show what the queue NAME tells of a mail."""
    found = [one for one in client.call("GET", f"/mailQueues/{part(name)}/mails") if one["name"] == mail]
    if not found:
        fail(f"there is no mail {mail} in the queue {name}")
    lines = [f"{key}: {', '.join(value) if isinstance(value, list) else value}" for key, value in found[0].items()]
    client.show(found[0] if client.as_json else lines)


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
