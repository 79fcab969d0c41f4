"""`compostela queue`."""

from pathlib import Path

import click

from compostela.app.cli.client import Client, options, part, show


@click.group()
def queue() -> None:
    """Mail queues."""


@queue.command("list")
@options
def list_queues(url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List the queues with their sizes."""
    client = Client(url, token, data)
    found = [client.call("GET", f"/mailQueues/{part(name)}") for name in client.call("GET", "/mailQueues")]
    show(found if as_json else [f"{one['name']}  {one['size']}" for one in found], as_json)


@queue.command("browse")
@click.argument("name")
@click.option("--limit", default=100, show_default=True, help="At most so many.")
@options
def browse_queue(name: str, limit: int, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List the mails of a queue."""
    found = Client(url, token, data).call("GET", f"/mailQueues/{part(name)}/mails?limit={limit}")
    lines = [
        f"{one['name']}  {one['sender'] or '<>'} -> {', '.join(one['recipients'])}  {one.get('nextDelivery', 'ready')}"
        for one in found
    ]
    show(found if as_json else lines, as_json)


@queue.command("flush")
@click.argument("name")
@options
def flush_queue(name: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Try delayed mails now."""
    Client(url, token, data).call("PATCH", f"/mailQueues/{part(name)}/mails?delayed=true", {"delayed": False})
    show({"name": name}, as_json, f"the delayed mails of {name} are tried now")


@queue.command("delete")
@click.argument("name")
@click.option("--mail", help="Only the mail of this name.")
@click.option("--sender", help="Only mails of this sender.")
@click.option("--recipient", help="Only mails to this recipient.")
@options
def delete_mails(
    name: str,
    mail: str | None,
    sender: str | None,
    recipient: str | None,
    url: str,
    token: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Delete mails; without a choice, all of them."""
    given = {"name": mail, "sender": sender, "recipient": recipient}
    query = "&".join(f"{key}={part(value)}" for key, value in given.items() if value)
    report = Client(url, token, data).run_task("DELETE", f"/mailQueues/{part(name)}/mails?{query}")
    about = report["additionalInformation"]
    show(about, as_json, f"{about['initialCount'] - about['remainingCount']} mails deleted")
