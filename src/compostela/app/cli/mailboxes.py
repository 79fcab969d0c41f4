"""`compostela mailbox`."""

import click

from compostela.app.cli.client import Client, add_old_name, confirm, part, with_client, yes_option


@click.group()
def mailbox() -> None:
    """A user's mailboxes."""


@mailbox.command("list")
@click.argument("user")
@with_client
def list_mailboxes(client: Client, user: str) -> None:
    """List the mailboxes of a user."""
    found = client.call("GET", f"/users/{part(user)}/mailboxes")
    client.show(found if client.as_json else [one["mailboxName"] for one in found])


@mailbox.command("add")
@click.argument("user")
@click.argument("name")
@with_client
def create_mailbox(client: Client, user: str, name: str) -> None:
    """Make a mailbox."""
    client.call("PUT", f"/users/{part(user)}/mailboxes/{part(name)}")
    client.show({"mailboxName": name}, f"{name} is there")


@mailbox.command("remove")
@click.argument("user")
@click.argument("name")
@yes_option
@with_client
def delete_mailbox(client: Client, user: str, name: str, yes: bool) -> None:
    """Delete a mailbox with its children and all their mails."""
    path = f"/users/{part(user)}/mailboxes/{part(name)}"
    client.call("GET", path)
    confirm(f"{name} of {user} is deleted with its children and all their mails", yes)
    client.call("DELETE", path)
    client.show({"mailboxName": name}, f"{name} is gone")


add_old_name(mailbox, "create", create_mailbox)
add_old_name(mailbox, "delete", delete_mailbox)


@mailbox.command("count")
@click.argument("user")
@click.argument("name")
@with_client
def count_messages(client: Client, user: str, name: str) -> None:
    """Tell how many messages a mailbox holds, and how many are unread."""
    path = f"/users/{part(user)}/mailboxes/{part(name)}"
    counts = {
        "messages": client.call("GET", f"{path}/messageCount"),
        "unseen": client.call("GET", f"{path}/unseenMessageCount"),
    }
    client.show(counts, f"{counts['messages']} messages, {counts['unseen']} unread")
