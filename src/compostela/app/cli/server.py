"""`compostela serve` and `compostela check`."""

import asyncio
import sys
from pathlib import Path

import click
import orjson

from compostela.app.checking import check as run_check
from compostela.app.cli.folders import conf_option, data_option
from compostela.app.serve import EXIT_CONFIGURATION
from compostela.app.serve import serve as run_server
from compostela.app.server.log_components import LOG_COMPONENTS
from compostela.base.errors import InvalidArgument
from compostela.base.log_levels import LogLevels, read_levels
from compostela.base.settings import Problems, Severity


@click.command()
@conf_option
@data_option
@click.option(
    "--log-level",
    "log_levels",
    metavar="[COMPONENT=]LEVEL",
    multiple=True,
    help="The least that is logged: debug, info (the default), warning or error. May be given several times, as "
    "--log-level info --log-level imap=debug.",
)
@click.option("--json", "log_json", is_flag=True, help="Write the log as JSON, one object a line.")
def serve(conf: Path, data: Path, log_levels: tuple[str, ...], log_json: bool) -> None:
    """Run the server in the foreground; SIGTERM ends it."""
    try:
        levels = LogLevels(LOG_COMPONENTS, read_levels(log_levels))
    except InvalidArgument as error:
        raise click.BadParameter(str(error), param_hint="--log-level") from error
    sys.exit(run_server(conf.absolute(), data.absolute(), levels=levels, log_json=log_json))


@click.command()
@conf_option
@data_option
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def check(conf: Path, data: Path, as_json: bool) -> None:
    """Read the configuration, report everything that is wrong, open no port. Exit status 78 when something is."""
    problems = Problems()
    asyncio.run(run_check(conf.absolute(), data.absolute(), problems))
    errors = problems.of(Severity.ERROR)
    if as_json:
        found = [
            {"severity": one.severity.value, "file": one.place.file, "line": one.place.line, "message": one.message}
            for severity in Severity
            for one in problems.of(severity)
        ]
        click.echo(orjson.dumps({"ok": not errors, "problems": found}, option=orjson.OPT_INDENT_2))
    else:
        for severity, title in (
            (Severity.ERROR, "Errors"), (Severity.WARNING, "Warnings"), (Severity.NOT_YET, "Not yet in effect"),
            (Severity.NO_EFFECT, "Without effect here"),
        ):  # fmt: skip
            lines = dict.fromkeys(str(problem) for problem in problems.of(severity))
            if lines:
                click.echo(f"{title}:")
                click.echo("\n".join(f"  {line}" for line in lines))
        click.echo("The configuration is wrong." if errors else "The configuration is right.")
    sys.exit(EXIT_CONFIGURATION if errors else 0)
