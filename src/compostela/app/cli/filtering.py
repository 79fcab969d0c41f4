"""`compostela droplist` and `compostela dlp`."""

from pathlib import Path

import click
import orjson

from compostela.app.cli.client import Client, confirm, fail, part, with_client, yes_option


@click.group()
def droplist() -> None:
    """Senders that may not write to anybody, to a domain, or to a user (for the matcher IsInDropList)."""


def _path(owner: str | None) -> str:
    """Of the list of an address, of a domain, or of everybody."""
    if owner is None:
        return "/droplist/global"
    return f"/droplist/{'user' if '@' in owner else 'domain'}/{part(owner)}"


for_option = click.option(
    "--for", "owner", metavar="OWNER", help="The list of this address or domain; by default that of everybody."
)


@droplist.command("list")
@for_option
@with_client
def list_denied(client: Client, owner: str | None) -> None:
    """List the addresses and domains of a drop list."""
    client.show(client.call("GET", _path(owner)))


@droplist.command("add")
@click.argument("sender")
@for_option
@with_client
def add_denied(client: Client, sender: str, owner: str | None) -> None:
    """Add SENDER, an address or a domain."""
    client.call("PUT", f"{_path(owner)}/{part(sender)}")
    client.show({"sender": sender, "for": owner}, f"{sender} is in the drop list of {owner or 'everybody'}")


@droplist.command("remove")
@click.argument("sender")
@for_option
@with_client
def remove_denied(client: Client, sender: str, owner: str | None) -> None:
    """Remove SENDER, an address or a domain."""
    if sender.lower() not in client.call("GET", _path(owner)):
        fail(f"{sender} is not in the drop list of {owner or 'everybody'}")
    client.call("DELETE", f"{_path(owner)}/{part(sender)}")
    client.show({"sender": sender, "for": owner}, f"{sender} is no longer in the drop list of {owner or 'everybody'}")


@click.group()
def dlp() -> None:
    """Rules of data leak prevention by the sender's domain (for the matcher DLP)."""


@dlp.command("show")
@click.argument("domain")
@with_client
def show_rules(client: Client, domain: str) -> None:
    """Show the rules of DOMAIN."""
    document = client.call("GET", f"/dlp/rules/{part(domain)}")
    client.show(document if client.as_json else [f"{one['id']}  {one['expression']}" for one in document["rules"]])


@dlp.command("set")
@click.argument("domain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_client
def set_rules(client: Client, domain: str, file: Path) -> None:
    """Replace the rules of DOMAIN by those of FILE, a document as `show --json` prints it."""
    try:
        document = orjson.loads(file.read_bytes())
    except ValueError as error:
        fail(f"{file} is not JSON: {error}")
    client.call("PUT", f"/dlp/rules/{part(domain)}", document)
    client.show({"domain": domain}, f"the rules of {domain} are replaced")


@dlp.command("clear")
@click.argument("domain")
@yes_option
@with_client
def clear_rules(client: Client, domain: str, yes: bool) -> None:
    """Remove all rules of DOMAIN."""
    confirm(f"All rules of {domain} will be removed", yes)
    client.call("DELETE", f"/dlp/rules/{part(domain)}")
    client.show({"domain": domain}, f"{domain} has no rules")
