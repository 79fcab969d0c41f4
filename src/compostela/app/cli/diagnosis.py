"""`compostela doctor`: is the server well set up?"""

import asyncio
import http.client
import logging
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import orjson

from compostela.adapters.dns.authentication import ResolverDns
from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.app.cli.client import Client, part
from compostela.app.cli.folders import conf_option, data_option
from compostela.app.cli.progress import busy
from compostela.app.cli.publishing import domain_option, read_subject
from compostela.app.configuration.folder import Configuration
from compostela.app.first_start import from_here
from compostela.base.clock import SystemClock
from compostela.doctor.diagnosis import diagnose
from compostela.doctor.model import CHECKS, Account, Finding, Severity, document, exit_status

ROLES_CHECK = "roles"
ROLES_SECONDS = 60.0
"""How long WebAdmin may take."""
_INDENT = " " * 23
_COUNTED = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "remarks", Severity.OK: "fine"}


@click.command()
@conf_option
@data_option
@domain_option
@click.option("--user", help="Try a login as this user, over SMTP and IMAP, and send a mail to oneself.")
@click.option("--password", envvar="COMPOSTELA_PASSWORD", help="The user's password; asked for when it is not given.")
@click.option("--check", "only", multiple=True, type=click.Choice(CHECKS), help="Only this check; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def doctor(
    conf: Path,
    data: Path,
    domains: tuple[str, ...],
    user: str | None,
    password: str | None,
    only: tuple[str, ...],
    as_json: bool,
) -> None:
    """Examine the server, its DNS records and its certificates. Exit status 0 when all is well, 1 with a warning, 2 with an
    error, 78 when the configuration is wrong."""
    account = None
    if user:
        account = Account(user, password or click.prompt("Password", hide_input=True, err=True))
    configuration, subject = read_subject(conf, data, domains)
    with _quiet(), busy("examining the server", wanted=not as_json):
        resolver = DnspythonResolver(configuration.dns)
        findings = asyncio.run(
            diagnose(subject, resolver, ResolverDns(resolver), SystemClock(), account=account, only=only)
        )
    if not only or ROLES_CHECK in only:
        # without the finding that there was nothing to examine
        findings = [one for one in findings if only != (ROLES_CHECK,)] + _roles(configuration, data, subject.domains)
    if as_json:
        click.echo(orjson.dumps(document(findings), option=orjson.OPT_INDENT_2))
    else:
        click.echo(table(findings))
    sys.exit(exit_status(findings))


def _roles(configuration: Configuration, data: Path, domains: Sequence[str]) -> list[Finding]:
    """What the running server says of its roles."""
    settings = configuration.webadmin
    token = next(iter(settings.passwords), None) or Client.read_token(data)
    chosen = "".join(f"&domain={part(one)}" for one in domains)
    url = f"http://{from_here(settings.host)}:{settings.port}/doctor?check={ROLES_CHECK}{chosen}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=ROLES_SECONDS) as answer:
            found = orjson.loads(answer.read())["findings"]
            return [Finding(**{**one, "severity": Severity[one["severity"].upper()]}) for one in found]
    except (OSError, ValueError, http.client.HTTPException) as error:
        text = f"Whether a user reads the mail for postmaster and abuse is not known: WebAdmin did not tell ({error})."
        return [Finding(Severity.INFO, "server", text, fix="start the server first", check=ROLES_CHECK)]


@contextmanager
def _quiet() -> Iterator[None]:
    """A failure of a check is a finding; the trace is for the server's log."""
    logger = logging.getLogger("compostela")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def table(findings: Sequence[Finding]) -> str:
    """The worst first."""
    lines: list[str] = []
    for finding in sorted(findings, key=lambda one: -one.severity):
        lines.append(f"{finding.severity.word.upper():8} {finding.check:13} {finding.what}")
        if finding.severity is not Severity.OK:
            lines += [f"{_INDENT}Why: {finding.why}"] if finding.why else []
            lines += [f"{_INDENT}Fix: {_continued(finding.fix)}"] if finding.fix else []
    counts = [(sum(one.severity is severity for one in findings), word) for severity, word in _COUNTED.items()]
    return "\n".join([*lines, "", ", ".join(f"{count} {word}" for count, word in counts)])


def _continued(text: str) -> str:
    return text.replace("\n", f"\n{_INDENT}     ")
