"""`compostela certificate`."""

from pathlib import Path

import click

from compostela.app.cli.client import Client, options, show


@click.group()
def certificate() -> None:
    """TLS certificates of the servers."""


@certificate.command("reload")
@click.option("--port", type=click.IntRange(1, 65535), help="Only the server on this port.")
@options
def reload_certificate(port: int | None, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Read keys and certificates again; connections that are there go on with the old ones."""
    query = f"&port={port}" if port else ""
    Client(url, token, data).call("POST", f"/servers?reload-certificate{query}")
    show({"reloaded": True}, as_json, "new connections get the certificates that are in the files now")
