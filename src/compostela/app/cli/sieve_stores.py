"""`compostela sieve quota`, `global` and `lists`: what an administrator sets around the scripts of users."""

from pathlib import Path

import click

from compostela.app.cli.client import Client, part, with_client

file_argument = click.Path(exists=True, dir_okay=False, path_type=Path)
_of_user = click.option("--user", help="Of this user; without it of all users.")


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return part(name).replace("/", "%2F")


@click.group()
def quota() -> None:
    """Octets that the scripts of a user may take together."""


@quota.command("get")
@_of_user
@with_client
def get_quota(client: Client, user: str | None) -> None:
    """Show the quota."""
    size = client.call("GET", _quota(user))
    client.show({"quota": size}, "no quota is set" if size is None else f"{size} octets")


@quota.command("set")
@click.argument("size", type=click.IntRange(min=0))
@_of_user
@with_client
def set_quota(client: Client, size: int, user: str | None) -> None:
    """Set the quota to SIZE octets."""
    client.call("PUT", _quota(user), str(size).encode())
    client.show({"quota": size}, f"the quota is {size} octets")


@quota.command("remove")
@_of_user
@with_client
def remove_quota(client: Client, user: str | None) -> None:
    """Remove the quota."""
    client.call("DELETE", _quota(user))
    client.show({"quota": None}, "the quota is removed")


def _quota(user: str | None) -> str:
    return "/sieve/quota/default" if user is None else f"/sieve/quota/users/{part(user)}"


@click.group("global")
def global_scripts() -> None:
    """Scripts that those of all users may include (include :global)."""


@global_scripts.command("list")
@with_client
def list_global(client: Client) -> None:
    """List the global scripts."""
    entries = client.call("GET", "/sieve/scripts/global")
    lines = (f"{one['name']}  {one['size']} octets" for one in entries)
    client.show(entries, "\n".join(lines) or "there is no global script")


@global_scripts.command("put")
@click.argument("name")
@click.argument("file", type=file_argument)
@with_client
def put_global(client: Client, name: str, file: Path) -> None:
    """Store the script in FILE under NAME. An invalid script is not stored."""
    client.call("PUT", _global(name), file.read_bytes())
    client.show({"name": name}, f"{name} is stored")


@global_scripts.command("get")
@click.argument("name")
@with_client
def get_global(client: Client, name: str) -> None:
    """Print a global script."""
    text = client.call("GET", _global(name), accept="application/sieve").decode(errors="replace")
    client.show({"name": name, "text": text}, text.rstrip("\n"))


@global_scripts.command("delete")
@click.argument("name")
@with_client
def delete_global(client: Client, name: str) -> None:
    """Delete a global script. Scripts that include it fail from then on."""
    client.call("DELETE", _global(name))
    client.show({"name": name}, f"{name} is deleted")


def _global(name: str) -> str:
    return f"/sieve/scripts/global/{segment(name)}"


@click.group()
def lists() -> None:
    """External lists that scripts ask (RFC 6134). NAME is a URI, such as :addrbook:default or tag:example.org,2026:friends."""


@lists.command("names")
@_of_user
@with_client
def list_names(client: Client, user: str | None) -> None:
    """List the names of the lists."""
    names = client.call("GET", _lists(user))
    client.show(names, "\n".join(names) or "there is no list")


@lists.command("show")
@click.argument("name")
@_of_user
@with_client
def show_list(client: Client, name: str, user: str | None) -> None:
    """Print the members of a list."""
    members = client.call("GET", _lists(user, name))
    client.show(members, "\n".join(members) or f"{name} is empty")


@lists.command("put")
@click.argument("name")
@click.argument("file", type=file_argument)
@_of_user
@with_client
def put_list(client: Client, name: str, file: Path, user: str | None) -> None:
    """Make the list of the lines in FILE; one of this name is replaced."""
    members = file.read_text("utf-8").splitlines()
    client.call("PUT", _lists(user, name), members)
    client.show({"name": name}, f"{name} is stored")


@lists.command("delete")
@click.argument("name")
@_of_user
@with_client
def delete_list(client: Client, name: str, user: str | None) -> None:
    """Delete a list."""
    client.call("DELETE", _lists(user, name))
    client.show({"name": name}, f"{name} is deleted")


def _lists(user: str | None, name: str | None = None) -> str:
    owner = "/sieve/lists/global" if user is None else f"/sieve/lists/users/{part(user)}"
    return owner if name is None else f"{owner}/{segment(name)}"
