"""`compostela log`."""

import click

from compostela.app.cli.client import Client, part, with_client
from compostela.base.log_levels import ALL, LEVELS


@click.group()
def log() -> None:
    """What the running server logs."""


@log.command("level")
@click.argument("component", required=False)
@click.argument("level", required=False, type=click.Choice([*LEVELS, "default"], case_sensitive=False))
@with_client
def set_level(client: Client, component: str | None, level: str | None) -> None:
    """Show the levels of the log, or of COMPONENT; with LEVEL, set that of COMPONENT until the server ends. The component "all" is everything that has
    no level of its own; the level "default" is the one with which the server was started."""
    path = f"/log/levels/{part(component or ALL)}"
    if level is None:
        found = [client.call("GET", path)] if component else client.call("GET", "/log/levels")
        lines = [f"{one['component']:12} {one['level']}{'' if one['own'] else ' (as all)'}" for one in found]
        client.show(found if client.as_json else lines)
        return
    if level == "default":
        client.call("DELETE", path)
    else:
        client.call("PUT", path, {"level": level})
    found = client.call("GET", path)
    client.show(found, f"{found['component']} is logged from {found['level']} on")
