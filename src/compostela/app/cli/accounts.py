"""`compostela domain` and `compostela user`."""

import click

from compostela.app.cli.client import Client, part, with_client


@click.group()
def domain() -> None:
    """Managed domains."""


@domain.command("list")
@with_client
def list_domains(client: Client) -> None:
    """List the domains."""
    client.show(client.call("GET", "/domains"))


@domain.command("add")
@click.argument("name")
@with_client
def add_domain(client: Client, name: str) -> None:
    """Manage a domain: mail for it is local from then on."""
    client.call("PUT", f"/domains/{part(name)}")
    client.show({"domain": name}, f"{name} is managed now")


@domain.command("remove")
@click.argument("name")
@with_client
def remove_domain(client: Client, name: str) -> None:
    """Manage a domain no longer."""
    client.call("DELETE", f"/domains/{part(name)}")
    client.show({"domain": name}, f"{name} is no longer managed")


@click.group()
def user() -> None:
    """Accounts."""


@user.command("list")
@with_client
def list_users(client: Client) -> None:
    """List the users."""
    users = [one["username"] for one in client.call("GET", "/users")]
    client.show(users)


@user.command("add")
@click.argument("name")
@click.password_option("--password", help="Asked for when it is not given.")
@click.option("--force", is_flag=True, help="Set the password of a user that exists.")
@with_client
def add_user(client: Client, name: str, password: str, force: bool) -> None:
    """Make a user."""
    query = "?force" if force else ""
    client.call("PUT", f"/users/{part(name)}{query}", {"password": password})
    client.show({"username": name}, f"{name} can log in now")


@user.command("remove")
@click.argument("name")
@click.option("--delete-data", is_flag=True, help="Delete mailboxes, aliases, forwards and delegations too.")
@with_client
def remove_user(client: Client, name: str, delete_data: bool) -> None:
    """Remove a user; without --delete-data the mailboxes stay."""
    if delete_data:
        report = client.run_task("POST", f"/users/{part(name)}?action=deleteData&force&removeUser=true")
        client.show(report["additionalInformation"], f"{name} is removed with all data")
        return
    client.call("DELETE", f"/users/{part(name)}")
    client.show({"username": name}, f"{name} is removed")


@user.command("rename")
@click.argument("old")
@click.argument("new")
@click.option("--from-step", help="Go on from this step, after one that failed.")
@click.option("--force", is_flag=True, help="OLD may no longer exist.")
@with_client
def rename_user(client: Client, old: str, new: str, from_step: str | None, force: bool) -> None:
    """Give mailboxes, forwards and delegations of OLD to NEW, a user that exists. OLD stays as an account."""
    options = {"fromStep": from_step} if from_step else {}
    query = "&".join(["action=rename", *(f"{key}={part(value)}" for key, value in options.items()), *["force"] * force])
    report = client.run_task("POST", f"/users/{part(old)}/rename/{part(new)}?{query}")
    client.show(report["additionalInformation"], f"{new} has what was {old}'s")
