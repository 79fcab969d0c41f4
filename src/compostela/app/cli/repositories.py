"""`compostela repository`."""

from urllib.parse import quote

import click

from compostela.app.cli.client import Client, add_old_name, part, with_client


@click.group()
def repository() -> None:
    """Mail repositories: where mails are put aside."""


def _path(name: str) -> str:
    return f"/mailRepositories/{quote(name.strip('/'), safe='')}"


@repository.command("list")
@with_client
def list_repositories(client: Client) -> None:
    """List the repositories with their sizes."""
    found = [client.call("GET", _path(one["path"])) for one in client.call("GET", "/mailRepositories")]
    client.show(found if client.as_json else [f"{one['path']}  {one['size']}" for one in found])


@repository.command("mails")
@click.argument("path")
@with_client
def list_mails(client: Client, path: str) -> None:
    """List the keys of a repository's mails."""
    client.show(client.call("GET", f"{_path(path)}/mails"))


@repository.command("show")
@click.argument("path")
@click.argument("key")
@with_client
def read_mail(client: Client, path: str, key: str) -> None:
    """Show a mail: its message, or with --json what is known of it."""
    place = f"{_path(path)}/mails/{part(key)}"
    if client.as_json:
        client.show(client.call("GET", f"{place}?additionalFields=attributes,headers,messageSize"))
    else:
        click.echo(client.call("GET", place, accept="message/rfc822"), nl=False)


@repository.command("reprocess")
@click.argument("path")
@click.argument("key", required=False)
@click.option("--processor", help="Begin in this processor.")
@with_client
def reprocess(client: Client, path: str, key: str | None, processor: str | None) -> None:
    """Give one mail, or all, another run through the processors."""
    place = f"{_path(path)}/mails" + (f"/{part(key)}" if key else "")
    query = f"?action=reprocess{'&processor=' + part(processor) if processor else ''}"
    report = client.run_task("PATCH", place + query)
    client.show(report["additionalInformation"], "done")


add_old_name(repository, "read", read_mail)
