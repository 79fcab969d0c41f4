"""`compostela mailbox`."""

from pathlib import Path

import click

from compostela.app.cli.client import Client, options, part, show


@click.group()
def mailbox() -> None:
    """A user's mailboxes."""


@mailbox.command("list")
@click.argument("user")
@options
def list_mailboxes(user: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List the mailboxes of a user."""
    found = Client(url, token, data).call("GET", f"/users/{part(user)}/mailboxes")
    show(found if as_json else [one["mailboxName"] for one in found], as_json)


@mailbox.command("create")
@click.argument("user")
@click.argument("name")
@options
def create_mailbox(user: str, name: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Make a mailbox."""
    Client(url, token, data).call("PUT", f"/users/{part(user)}/mailboxes/{part(name)}")
    show({"mailboxName": name}, as_json, f"{name} is there")


@mailbox.command("delete")
@click.argument("user")
@click.argument("name")
@options
def delete_mailbox(user: str, name: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Delete a mailbox with its children and all their mails."""
    Client(url, token, data).call("DELETE", f"/users/{part(user)}/mailboxes/{part(name)}")
    show({"mailboxName": name}, as_json, f"{name} is gone")


@mailbox.command("count")
@click.argument("user")
@click.argument("name")
@options
def count_messages(user: str, name: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Tell how many messages a mailbox holds, and how many are unread."""
    client, path = Client(url, token, data), f"/users/{part(user)}/mailboxes/{part(name)}"
    counts = {
        "messages": client.call("GET", f"{path}/messageCount"),
        "unseen": client.call("GET", f"{path}/unseenMessageCount"),
    }
    show(counts, as_json, f"{counts['messages']} messages, {counts['unseen']} unread")
