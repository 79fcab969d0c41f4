"""`compostela ban` and `compostela delegation`."""

import click

from compostela.app.cli.client import Client, add_old_name, fail, part, with_client

_BANS = "/authentication/bans"


@click.group()
def ban() -> None:
    """Addresses that are shut out after failed logins."""


@ban.command("list")
@with_client
def list_bans(client: Client) -> None:
    """List the banned addresses, with the number of failed logins and the end of each ban."""
    bans = client.call("GET", _BANS)
    lines = [f"{one['address']}  {one['failures']} failed logins, until {one['until']}" for one in bans]
    client.show(bans if client.as_json else lines)


@ban.command("remove")
@click.argument("address", required=False)
@click.option("--all", "everybody", is_flag=True, help="All addresses; what was counted is forgotten too.")
@with_client
def clear_bans(client: Client, address: str | None, everybody: bool) -> None:
    """Lift the ban of an address. Any address of a banned IPv6 /64 network lifts its ban."""
    if (address is None) is not everybody:
        fail("give either an address or --all")
    client.call("DELETE", _BANS if address is None else f"{_BANS}/{part(address)}")
    client.show({"cleared": address or "all"}, f"{address or 'everybody'} may log in again")


add_old_name(ban, "clear", clear_bans)


@click.group()
def delegation() -> None:
    """Users who may log in as another."""


@delegation.command("list")
@click.argument("user")
@with_client
def list_delegates(client: Client, user: str) -> None:
    """List the users that may log in as USER."""
    client.show(client.call("GET", f"/users/{part(user)}/authorizedUsers"))


@delegation.command("add")
@click.argument("user")
@click.argument("delegate")
@with_client
def add_delegate(client: Client, user: str, delegate: str) -> None:
    """Let DELEGATE log in as USER, with a password of DELEGATE's own."""
    client.check_user(delegate)
    client.call("PUT", f"/users/{part(user)}/authorizedUsers/{part(delegate)}")
    client.show({"user": user, "delegate": delegate}, f"{delegate} can log in as {user} now")


@delegation.command("remove")
@click.argument("user")
@click.argument("delegate")
@with_client
def remove_delegate(client: Client, user: str, delegate: str) -> None:
    """Take that right away from DELEGATE."""
    client.call("DELETE", f"/users/{part(user)}/authorizedUsers/{part(delegate)}")
    client.show({"user": user, "delegate": delegate}, f"{delegate} can no longer log in as {user}")
