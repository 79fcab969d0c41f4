"""`compostela repository`."""

from pathlib import Path
from urllib.parse import quote

import click

from compostela.app.cli.client import Client, options, part, show


@click.group()
def repository() -> None:
    """Mail repositories: where mails are put aside."""


def _path(name: str) -> str:
    return f"/mailRepositories/{quote(name.strip('/'), safe='')}"


@repository.command("list")
@options
def list_repositories(url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List the repositories with their sizes."""
    client = Client(url, token, data)
    found = [client.call("GET", _path(one["path"])) for one in client.call("GET", "/mailRepositories")]
    show(found if as_json else [f"{one['path']}  {one['size']}" for one in found], as_json)


@repository.command("mails")
@click.argument("path")
@options
def list_mails(path: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """List the keys of a repository's mails."""
    show(Client(url, token, data).call("GET", f"{_path(path)}/mails"), as_json)


@repository.command("read")
@click.argument("path")
@click.argument("key")
@options
def read_mail(path: str, key: str, url: str, token: str | None, data: Path, as_json: bool) -> None:
    """Show a mail: its message, or with --json what is known of it."""
    client, place = Client(url, token, data), f"{_path(path)}/mails/{part(key)}"
    if as_json:
        show(client.call("GET", f"{place}?additionalFields=attributes,headers,messageSize"), True)
    else:
        click.echo(client.call("GET", place, accept="message/rfc822"), nl=False)


@repository.command("reprocess")
@click.argument("path")
@click.argument("key", required=False)
@click.option("--processor", help="Begin in this processor.")
@options
def reprocess(
    path: str, key: str | None, processor: str | None, url: str, token: str | None, data: Path, as_json: bool
) -> None:
    """Give one mail, or all, another run through the processors."""
    place = f"{_path(path)}/mails" + (f"/{part(key)}" if key else "")
    query = f"?action=reprocess{'&processor=' + part(processor) if processor else ''}"
    report = Client(url, token, data).run_task("PATCH", place + query)
    show(report["additionalInformation"], as_json, "done")
