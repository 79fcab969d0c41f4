"""`compostela ban` and `compostela delegation`."""

from pathlib import Path

import click

from compostela.app.cli.client import Client, fail, options, part, show

_BANS = "/authentication/bans"


@click.group()
def ban() -> None:
    """Addresses that are shut out after failed logins."""


@ban.command("list")
@options
def list_bans(url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List who is shut out, with the number of failed logins and the end of the ban."""
    bans = Client(url, token, data).call("GET", _BANS)
    if as_json:
        show(bans, as_json)
        return
    show([f"{one['address']}  {one['failures']} failed logins, until {one['until']}" for one in bans], as_json)


@ban.command("clear")
@click.argument("address", required=False)
@click.option("--all", "everybody", is_flag=True, help="All addresses; what was counted is forgotten too.")
@options
def clear_bans(address: str | None, everybody: bool, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Let an address in again; any of an IPv6 network of 64 bits stands for it."""
    if (address is None) is not everybody:
        fail("give either an address or --all")
    Client(url, token, data).call("DELETE", _BANS if address is None else f"{_BANS}/{part(address)}")
    show({"cleared": address or "all"}, as_json, f"{address or 'everybody'} may log in again")


@click.group()
def delegation() -> None:
    """Users who may log in as another."""


@delegation.command("list")
@click.argument("user")
@options
def list_delegates(user: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List who may log in as USER."""
    show(Client(url, token, data).call("GET", f"/users/{part(user)}/authorizedUsers"), as_json)


@delegation.command("add")
@click.argument("user")
@click.argument("delegate")
@options
def add_delegate(user: str, delegate: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Let DELEGATE log in as USER, with a password of DELEGATE's own."""
    Client(url, token, data).call("PUT", f"/users/{part(user)}/authorizedUsers/{part(delegate)}")
    show({"user": user, "delegate": delegate}, as_json, f"{delegate} can log in as {user} now")


@delegation.command("remove")
@click.argument("user")
@click.argument("delegate")
@options
def remove_delegate(user: str, delegate: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Take that right away from DELEGATE."""
    Client(url, token, data).call("DELETE", f"/users/{part(user)}/authorizedUsers/{part(delegate)}")
    show({"user": user, "delegate": delegate}, as_json, f"{delegate} can no longer log in as {user}")
