"""`compostela init`."""

import asyncio
from pathlib import Path

import click
import orjson

from compostela.app.cli.client import fail
from compostela.app.cli.folders import data_option
from compostela.app.cli.publishing import publication_text
from compostela.app.configuration.folder import load
from compostela.app.first_start import is_kept, note_first_user
from compostela.app.initialisation import FolderInUse, Plan, initialise
from compostela.app.stores import StoresUnavailable
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Problems
from compostela.doctor.dns.records import publications
from compostela.doctor.examination import subject_of
from compostela.model.domain import Domain
from compostela.model.username import Username


@click.command()
@click.argument("domain", default="localhost")
@click.option(
    "--conf",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("conf"),
    show_default=True,
    help="Folder to write.",
)
@data_option
@click.option("--host", help="The server's own name; mail.DOMAIN by default.")
@click.option(
    "--user", "user_name", default="postmaster", show_default=True, help="Local part of the first user, the postmaster."
)
@click.option("--high-ports", is_flag=True, help="Ports above 1024, for an ordinary user.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def init(
    domain: str, conf: Path, data: Path, host: str | None, user_name: str, high_ports: bool, as_json: bool
) -> None:
    """Write a configuration for DOMAIN with a DKIM key and a first user, and tell what to publish in DNS."""
    conf, data = conf.absolute(), data.absolute()
    try:
        name = Domain.parse(domain)
        own = Domain.parse(host or (domain if name.name == "localhost" else f"mail.{name}"))
        password = asyncio.run(initialise(Plan(name, own, user_name, high_ports), conf, data))
    except (FolderInUse, InvalidArgument, StoresUnavailable) as error:
        fail(str(error))
    file = note_first_user(data, Username.parse(f"{user_name}@{name}"), password) if is_kept() else None
    found = publications(subject_of(load(conf, data, Problems()).examined, [name.name]))
    first = f"{user_name}@{name}"
    if as_json:
        document = {
            "conf": str(conf),
            "data": str(data),
            "user": first,
            **({"password": password} if file is None else {"passwordFile": str(file)}),
            "dns": [one.document() for one in found],
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return
    click.echo("\n\n".join(publication_text(one) for one in found))
    secret = (
        f"with the password {password}" if file is None else f"with the password in {file}: read it, then delete it"
    )
    click.echo(f"\nThe configuration is in {conf}. The first user and postmaster: {first} {secret}")
    click.echo(f"The certificate in {data / 'tls'} is self-signed: put your own there before mail programs connect.")
    click.echo(f"Start the server: compostela serve --conf {conf} --data {data}")
