"""`compostela dns`: the records to publish."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from compostela.app.checking import report
from compostela.app.cli.client import fail
from compostela.app.cli.folders import conf_option, data_option
from compostela.app.configuration.folder import Configuration, load
from compostela.app.start_error import EXIT_CONFIGURATION
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Problems, Severity
from compostela.doctor.dns.records import Publication, publications
from compostela.doctor.dns.zone import NameServer, zone_file
from compostela.doctor.examination import NoList, configured_domains, managed_domains, subject_of
from compostela.doctor.subject import Subject
from compostela.model.domain import Domain

_NO_LIST = "{}. The domains are those of domainlist.xml, not those that were added since."
domain_option = click.option(
    "--domain", "domains", multiple=True, help="Only this domain; may be repeated. By default all that are managed."
)


@click.command()
@conf_option
@data_option
@domain_option
@click.option("--zone", "as_zone", is_flag=True, help="As a zone file.")
@click.option(
    "--name-server",
    "name_servers",
    multiple=True,
    help="With --zone: make it a whole zone, with SOA and NS; may be repeated. NAME=ADDRESS when it lies in the zone.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def dns(
    conf: Path, data: Path, domains: tuple[str, ...], as_zone: bool, name_servers: tuple[str, ...], as_json: bool
) -> None:
    """Show all DNS records to publish, from the server's configuration. Nothing is asked of DNS."""
    subject = read_subject(conf, data, domains)[1]
    for remark in subject.remarks:
        click.echo(f"compostela: {remark}", err=True)
    found = publications(subject)
    if as_zone:
        if name_servers:
            # whole zones are those of domains; the server's name, when it lies elsewhere, has a zone that is there already
            found = [one for one in found if one.zone in subject.domains]
        if name_servers and len(found) > 1:
            fail("a zone file holds one zone: choose a domain with --domain")
        click.echo(_zones(found, name_servers), nl=False)
    elif as_json:
        click.echo(orjson.dumps([one.document() for one in found], option=orjson.OPT_INDENT_2))
    else:
        click.echo("\n\n".join(publication_text(one) for one in found))


def _zones(found: Sequence[Publication], name_servers: Sequence[str]) -> str:
    serial = int(time.time())
    try:
        servers = [NameServer.parse(one) for one in name_servers]
        return "\n".join(zone_file(one, servers, serial) for one in found)
    except InvalidArgument as error:
        raise click.BadParameter(str(error), param_hint="--name-server") from error


def read_subject(conf: Path, data: Path, domains: tuple[str, ...]) -> tuple[Configuration, Subject]:
    """The configuration, and what is examined. A wrong configuration ends the program as `check` does."""
    try:
        domains = tuple(Domain.parse(one).name for one in domains)
    except InvalidArgument as error:
        raise click.BadParameter(str(error), param_hint="--domain") from error
    problems = Problems()
    configuration = load(conf.absolute(), data.absolute(), problems)
    if problems.of(Severity.ERROR):
        click.echo(f"compostela: the configuration is wrong:\n{report(problems)}", err=True)
        sys.exit(EXIT_CONFIGURATION)
    chosen: Sequence[str] = domains
    remarks = []
    if not domains:
        try:
            chosen = managed_domains(configuration.examined)
        except NoList as error:
            remarks.append(_NO_LIST.format(error))
    return configuration, subject_of(
        configuration.examined, chosen or configured_domains(configuration.examined), remarks=remarks
    )


def publication_text(publication: Publication) -> str:
    """The records of a zone, for people."""
    lines = [publication.zone, "=" * len(publication.zone), ""]
    width = max((len(one.name) for one in publication.records), default=0) + 1
    for record in publication.records:
        lines += [f"{record.name + '.':{width}}  {record.type:5}  {record.presentation}", f"    {record.purpose}"]
    if publication.policy_url:
        lines += ["", f"{publication.policy_url} must give:"]
        lines += [f"    {line}" for line in publication.policy_text.split("\r\n") if line]
    if publication.notes:
        lines += ["", *(f"Note: {note}" for note in publication.notes)]
    return "\n".join(lines)
