"""`compostela alias`, `forward`, `group` and `mapping`."""

import click

from compostela.app.cli.client import Client, confirm, fail, part, with_client, yes_option


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


@click.group()
def forward() -> None:
    """Where users have their mail sent on to."""


@forward.command("list")
@click.argument("user", required=False)
@with_client
def list_forwards(client: Client, user: str | None) -> None:
    """List where the mail of USER is sent on to, or all forwards."""
    users = [user] if user else client.call("GET", "/address/forwards")
    found = [
        {"user": one, "target": target["mailAddress"]}
        for one in users
        for target in client.call("GET", f"/address/forwards/{part(one)}")
    ]
    client.show(found if client.as_json else [f"{one['user']} -> {one['target']}" for one in found])


@forward.command("add")
@click.argument("user")
@click.argument("target")
@with_client
def add_forward(client: Client, user: str, target: str) -> None:
    """Send mail for USER on to TARGET too. USER himself gets a copy only if he is a target as well."""
    client.call("PUT", f"/address/forwards/{part(user)}/targets/{part(target)}")
    client.show({"user": user, "target": target}, f"mail for {user} is sent on to {target}")


@forward.command("remove")
@click.argument("user")
@click.argument("target")
@with_client
def remove_forward(client: Client, user: str, target: str) -> None:
    """Send mail for USER no longer on to TARGET."""
    path = f"/address/forwards/{part(user)}"
    if target.lower() not in [one["mailAddress"] for one in client.call("GET", path)]:
        fail(f"mail for {user} is not sent on to {target}")
    client.call("DELETE", f"{path}/targets/{part(target)}")
    client.show({"user": user, "target": target}, f"mail for {user} is no longer sent on to {target}")


@click.group()
def group() -> None:
    """Addresses whose mail goes to several members."""


@group.command("list")
@with_client
def list_groups(client: Client) -> None:
    """List the groups."""
    client.show(client.call("GET", "/address/groups"))


@group.command("show")
@click.argument("address")
@with_client
def show_group(client: Client, address: str) -> None:
    """List the members of a group."""
    client.show(client.call("GET", f"/address/groups/{part(address)}"))


@group.command("add")
@click.argument("address")
@click.argument("member")
@with_client
def add_member(client: Client, address: str, member: str) -> None:
    """Add MEMBER to the group ADDRESS; the first member makes the group."""
    client.call("PUT", f"/address/groups/{part(address)}/{part(member)}")
    client.show({"group": address, "member": member}, f"{member} is a member of {address}")


@group.command("remove")
@click.argument("address")
@click.argument("member")
@with_client
def remove_member(client: Client, address: str, member: str) -> None:
    """Remove MEMBER from the group ADDRESS; a group without members is gone."""
    path = f"/address/groups/{part(address)}"
    if member.lower() not in client.call("GET", path):
        fail(f"{member} is no member of {address}")
    client.call("DELETE", f"{path}/{part(member)}")
    client.show({"group": address, "member": member}, f"{member} is no longer a member of {address}")


@click.group()
def mapping() -> None:
    """The recipient rewrite table, with mappings of every type."""


@mapping.command("list")
@click.argument("source", required=False)
@with_client
def list_mappings(client: Client, source: str | None) -> None:
    """List the mappings of SOURCE, an address or *@domain, or all."""
    if source is None:
        table = client.call("GET", "/mappings")
    else:
        table = {source: client.call("GET", f"/mappings/user/{part(source)}")}
    lines = [f"{name}  {one['type']}  {one['mapping']}" for name, found in table.items() for one in found]
    client.show(table if client.as_json else lines)


@mapping.command("sources")
@click.argument("kind", metavar="TYPE")
@click.argument("target")
@with_client
def list_sources(client: Client, kind: str, target: str) -> None:
    """List what is mapped to TARGET by mappings of TYPE (Alias, Group, Forward, Address, Domain, DomainAlias, Regex, Error)."""
    client.show(client.call("GET", f"/mappings/sources/{part(target)}?type={part(kind)}"))


@mapping.command("add")
@click.argument("source")
@click.argument("kind", metavar="TYPE")
@click.argument("target")
@with_client
def add_mapping(client: Client, source: str, kind: str, target: str) -> None:
    """Map SOURCE, an address or *@domain, to TARGET by a mapping of TYPE (see `compostela mapping sources`)."""
    client.call("PUT", "/mappings", {source: [{"type": kind, "mapping": target}]})
    client.show({"source": source, "type": kind, "mapping": target}, f"{source} is mapped to {target}")


@mapping.command("remove")
@click.argument("kind", metavar="TYPE")
@click.argument("target")
@yes_option
@with_client
def remove_mappings(client: Client, kind: str, target: str, yes: bool) -> None:
    """Remove all mappings of TYPE to TARGET."""
    path = f"/mappings/sources/{part(target)}?type={part(kind)}"
    sources = client.call("GET", path)
    if not sources:
        fail(f"nothing is mapped to {target} by type {kind}")
    confirm(f"{', '.join(sources)} will no longer be mapped to {target}", yes)
    client.call("DELETE", path)
    client.show({"sources": sources, "mapping": target}, f"{len(sources)} mappings to {target} are removed")
