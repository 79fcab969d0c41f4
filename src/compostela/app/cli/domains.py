"""`compostela domain`."""

import click

from compostela.app.cli.client import Client, confirm, fail, part, with_client, yes_option


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


@domain.command("show")
@click.argument("name")
@with_client
def show_domain(client: Client, name: str) -> None:
    """Show a domain's users and aliases."""
    path = f"/domains/{part(name)}"
    client.call("GET", path)
    users = client.call("GET", f"{path}/users")
    aliases = [one["source"] for one in client.call("GET", f"{path}/aliases")]
    lines = [f"user   {one}" for one in users] + [f"alias  {one}" for one in aliases]
    client.show({"domain": name, "users": users, "aliases": aliases} if client.as_json else lines)


@domain.command("remove")
@click.argument("name")
@yes_option
@with_client
def remove_domain(client: Client, name: str, yes: bool) -> None:
    """Manage a domain no longer."""
    client.call("GET", f"/domains/{part(name)}")
    confirm(f"Mail for {name} is no longer taken", yes)
    client.call("DELETE", f"/domains/{part(name)}")
    client.show({"domain": name}, f"{name} is no longer managed")


@domain.group("alias")
def domain_alias() -> None:
    """Domains whose mail goes to the same local parts of another."""


@domain_alias.command("list")
@click.argument("domain_name", metavar="DOMAIN")
@with_client
def list_domain_aliases(client: Client, domain_name: str) -> None:
    """List the aliases of DOMAIN."""
    client.show([one["source"] for one in client.call("GET", f"/domains/{part(domain_name)}/aliases")])


@domain_alias.command("add")
@click.argument("source")
@click.argument("domain_name", metavar="DOMAIN")
@with_client
def add_domain_alias(client: Client, source: str, domain_name: str) -> None:
    """Send mail for SOURCE, a managed domain, to the same local parts of DOMAIN."""
    client.call("PUT", f"/domains/{part(domain_name)}/aliases/{part(source)}")
    client.show({"source": source, "domain": domain_name}, f"mail for {source} goes to {domain_name}")


@domain_alias.command("remove")
@click.argument("source")
@click.argument("domain_name", metavar="DOMAIN")
@with_client
def remove_domain_alias(client: Client, source: str, domain_name: str) -> None:
    """Remove an alias of DOMAIN."""
    if source not in [one["source"] for one in client.call("GET", f"/domains/{part(domain_name)}/aliases")]:
        fail(f"{source} is no alias of {domain_name}")
    client.call("DELETE", f"/domains/{part(domain_name)}/aliases/{part(source)}")
    client.show({"source": source, "domain": domain_name}, f"mail for {source} no longer goes to {domain_name}")
