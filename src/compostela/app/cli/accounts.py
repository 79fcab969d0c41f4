"""`compostela domain` and `compostela alias`."""

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


@click.group()
def alias() -> None:
    """Further addresses of users."""


@alias.command("list")
@click.argument("address", required=False)
@with_client
def list_aliases(client: Client, address: str | None) -> None:
    """List the aliases of ADDRESS, or all."""
    addresses = [address] if address else client.call("GET", "/address/aliases")
    found = [
        {"alias": one["source"], "address": target}
        for target in addresses
        for one in client.call("GET", f"/address/aliases/{part(target)}")
    ]
    client.show(found if client.as_json else [f"{one['alias']} -> {one['address']}" for one in found])


@alias.command("add")
@click.argument("alias_address", metavar="ALIAS")
@click.argument("address")
@with_client
def add_alias(client: Client, alias_address: str, address: str) -> None:
    """Send mail for ALIAS to ADDRESS."""
    client.call("PUT", f"/address/aliases/{part(address)}/sources/{part(alias_address)}")
    client.show({"alias": alias_address, "address": address}, f"mail for {alias_address} goes to {address}")


@alias.command("remove")
@click.argument("alias_address", metavar="ALIAS")
@click.argument("address")
@with_client
def remove_alias(client: Client, alias_address: str, address: str) -> None:
    """Remove an alias of ADDRESS."""
    path = f"/address/aliases/{part(address)}"
    if alias_address.lower() not in [one["source"] for one in client.call("GET", path)]:
        fail(f"{alias_address} is no alias of {address}")
    client.call("DELETE", f"{path}/sources/{part(alias_address)}")
    client.show({"alias": alias_address, "address": address}, f"mail for {alias_address} no longer goes to {address}")
