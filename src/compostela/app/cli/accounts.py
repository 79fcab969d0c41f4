"""`compostela domain` and `compostela user`."""

from pathlib import Path

import click

from compostela.app.cli.client import Client, options, part, show


@click.group()
def domain() -> None:
    """Managed domains."""


@domain.command("list")
@options
def list_domains(url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List the domains."""
    show(Client(url, token, data).call("GET", "/domains"), as_json)


@domain.command("add")
@click.argument("name")
@options
def add_domain(name: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Manage a domain: mail for it is local from then on."""
    Client(url, token, data).call("PUT", f"/domains/{part(name)}")
    show({"domain": name}, as_json, f"{name} is managed now")


@domain.command("remove")
@click.argument("name")
@options
def remove_domain(name: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Manage a domain no longer."""
    Client(url, token, data).call("DELETE", f"/domains/{part(name)}")
    show({"domain": name}, as_json, f"{name} is no longer managed")


@click.group()
def user() -> None:
    """Accounts."""


@user.command("list")
@options
def list_users(url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List the users."""
    users = [one["username"] for one in Client(url, token, data).call("GET", "/users")]
    show(users, as_json)


@user.command("add")
@click.argument("name")
@click.password_option("--password", help="Asked for when it is not given.")
@click.option("--force", is_flag=True, help="Set the password of a user that exists.")
@options
def add_user(name: str, password: str, force: bool, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Make a user."""
    query = "?force" if force else ""
    Client(url, token, data).call("PUT", f"/users/{part(name)}{query}", {"password": password})
    show({"username": name}, as_json, f"{name} can log in now")


@user.command("remove")
@click.argument("name")
@options
def remove_user(name: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Remove a user; the mailboxes stay."""
    Client(url, token, data).call("DELETE", f"/users/{part(name)}")
    show({"username": name}, as_json, f"{name} is removed")
