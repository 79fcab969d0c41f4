"""`compostela health` and `compostela metrics`."""

import sys

import click

from compostela.app.cli.client import Client, fail, with_client

_EXIT = {"healthy": 0, "degraded": 1}
EXIT_UNHEALTHY = 2


@click.command()
@with_client
def health(client: Client) -> None:
    """Run the health checks. Exit status 0 when all is well, 1 when something is degraded, 2 when something is unhealthy."""
    found = client.report("/healthcheck")
    lines = [f"{one['status']:9}  {one['componentName']}  {one['cause'] or ''}".rstrip() for one in found["checks"]]
    client.show(found if client.as_json else lines)
    sys.exit(_EXIT.get(found["status"], EXIT_UNHEALTHY))


@click.command()
@click.argument("name", required=False)
@with_client
def metrics(client: Client, name: str | None) -> None:
    """Show the metrics, in the form of Prometheus; with NAME only those that begin with it."""
    text = client.call("GET", "/metrics", accept="text/plain").decode()
    lines = [
        line
        for line in text.splitlines()
        if not name or line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith(name)
    ]
    if name and not lines:
        fail(f"there is no metric {name}")
    client.show(lines)
