"""`compostela user`."""

import csv
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import click

from compostela.app.cli.client import Client, confirm, fail, part, with_client, yes_option
from compostela.app.cli.progress import steps_bar


def _with_password(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options --password and --password-stdin."""
    command = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")(command)
    return click.option("--password", help="Other users of this machine can see it; asked for, twice, by default.")(
        command
    )


def _password(given: str | None, from_stdin: bool) -> str:
    if given is not None and from_stdin:
        raise click.UsageError("give either --password or --password-stdin")
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif given is None:
        given = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return given or fail("the password is empty")


def _set(client: Client, name: str, password: str, query: str = "") -> None:
    client.call("PUT", f"/users/{part(name)}{query}", {"password": password})


@click.group()
def user() -> None:
    """Accounts."""


@user.command("list")
@with_client
def list_users(client: Client) -> None:
    """List the users."""
    users = [one["username"] for one in client.call("GET", "/users")]
    client.show(users)


@user.command("show")
@click.argument("name")
@with_client
def show_user(client: Client, name: str) -> None:
    """Show the addresses that a user may send as."""
    client.check_user(name)
    addresses = client.call("GET", f"/users/{part(name)}/allowedFromHeaders")
    client.show({"username": name, "addresses": addresses} if client.as_json else addresses)


@user.command("add")
@click.argument("name")
@_with_password
@click.option("--force", is_flag=True, help="Set the password of a user that exists.")
@with_client
def add_user(client: Client, name: str, password: str | None, password_stdin: bool, force: bool) -> None:
    """Make a user."""
    _set(client, name, _password(password, password_stdin), "?force" if force else "")
    client.show({"username": name}, f"{name} can log in now")


@user.command("password")
@click.argument("name")
@_with_password
@with_client
def set_password(client: Client, name: str, password: str | None, password_stdin: bool) -> None:
    """Set a user's password."""
    client.check_user(name)
    _set(client, name, _password(password, password_stdin), "?force")
    client.show({"username": name}, f"the password of {name} is changed")


@user.command("remove")
@click.argument("name")
@click.option("--delete-data", is_flag=True, help="Delete mailboxes, aliases, forwards and delegations too.")
@click.option("--force", is_flag=True, help="With --delete-data: NAME may no longer exist.")
@yes_option
@with_client
def remove_user(client: Client, name: str, delete_data: bool, force: bool, yes: bool) -> None:
    """Remove a user; without --delete-data the mailboxes stay."""
    if force and not delete_data:
        raise click.UsageError("--force goes with --delete-data")
    if not force:
        client.check_user(name)
    also = ", and all data of the user is deleted" if delete_data else ""
    confirm(f"{name} can no longer log in and gets no mail{also}", yes)
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


@user.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--force", is_flag=True, help="Set the passwords of users that exist.")
@with_client
def import_users(client: Client, file: TextIO, force: bool) -> None:
    """Make the users of a CSV file, or of standard input with "-". Each line is a user name and a password; a first line "username,password" is
    passed over. A line that is wrong ends the command with its number before any user is made; what the server refuses ends it
    with the number of users that were made."""
    rows = list(_rows(file))
    with steps_bar(wanted=not client.as_json) as tell:
        for done, (number, name, password) in enumerate(rows):
            tell("users", done, len(rows))
            problem = client.problem("PUT", f"/users/{part(name)}{'?force' if force else ''}", {"password": password})
            if problem is not None:
                fail(f"line {number}: {problem}; {done} of {len(rows)} users were made")
    client.show({"users": len(rows)}, f"{len(rows)} users can log in now")


def _rows(file: TextIO) -> Iterator[tuple[int, str, str]]:
    """(line, user name, password)"""
    lines: Any = csv.reader(file, strict=True)  # Any: the library's
    try:
        for row in lines:
            cells = [cell.strip() for cell in row[:1]] + row[1:]
            if not row or (lines.line_num == 1 and [cell.strip().lower() for cell in row] == ["username", "password"]):
                continue
            if len(cells) != 2 or not all(cells):
                fail(f"line {lines.line_num} is not 'username,password': no user was made")
            yield lines.line_num, cells[0], cells[1]
    except (csv.Error, UnicodeDecodeError) as error:
        fail(f"line {lines.line_num} is no CSV in UTF-8: {error}: no user was made")
