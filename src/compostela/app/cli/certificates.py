"""`compostela certificate`."""

import click

from compostela.app.cli.client import Client, with_client


@click.group()
def certificate() -> None:
    """TLS certificates of the servers."""


@certificate.command("reload")
@click.option("--port", type=click.IntRange(1, 65535), help="Only the server on this port.")
@with_client
def reload_certificate(client: Client, port: int | None) -> None:
    """Read keys and certificates again; connections that are there go on with the old ones."""
    query = f"&port={port}" if port else ""
    client.call("POST", f"/servers?reload-certificate{query}")
    client.show({"reloaded": True}, "new connections get the certificates that are in the files now")
