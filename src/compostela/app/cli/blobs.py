"""`compostela blob`."""

import click

from compostela.app.cli.client import Client, with_client


@click.group()
def blob() -> None:
    """Octets that are stored for messages and other parts."""


@blob.command("collect")
@with_client
def collect(client: Client) -> None:
    """Remove octets that nothing refers to.

    What loses its last reference is found by one collection and removed by a later one, so that a reader can finish. The server
    collects by itself every hour."""
    about = client.run_task("DELETE", "/blobs?scope=unreferenced")["additionalInformation"]
    client.show(about, f"{about['gcedBlobCount']} of {about['blobCount']} blobs removed")
