"""`compostela restart`."""

import click

from compostela.app.cli.client import Client, with_client


@click.command()
@with_client
def restart(client: Client) -> None:
    """Put new worker processes, with the configuration and code that are there now, in the place of all, without refusing a
    connection. The present ones end when the new ones are ready."""
    client.call("POST", "/servers/restart")
    client.show(
        {"restarting": True}, "the configuration is right; new workers start, and the present ones end after that"
    )
