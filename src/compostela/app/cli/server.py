"""`compostela serve` and `compostela check`."""

import asyncio
import sys
from pathlib import Path

import click
import orjson

from compostela.app.checking import check as run_check
from compostela.app.cli.folders import conf_option, data_option
from compostela.app.serve import ServeOptions, plan_for
from compostela.app.serve import serve as run_server
from compostela.app.server.log_components import LOG_COMPONENTS
from compostela.app.start_error import EXIT_CONFIGURATION, StartError
from compostela.app.supervisor.settings import parse_workers
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
@click.option(
    "--workers",
    metavar="N",
    help="Worker processes, or auto for one for each core; in place of the setting in workers.properties.",
)
@click.option("--worker", "is_worker", is_flag=True, hidden=True)
@click.option("--plan", "is_plan", is_flag=True, hidden=True)
def serve(
    conf: Path,
    data: Path,
    log_levels: tuple[str, ...],
    log_json: bool,
    workers: str | None,
    is_worker: bool,
    is_plan: bool,
) -> None:
    """Run the server in the foreground; SIGTERM ends it. With workers, SIGUSR2 puts new ones in the place of all without refusing a
    connection."""
    try:
        levels = LogLevels(LOG_COMPONENTS, read_levels(log_levels))
    except InvalidArgument as error:
        raise click.BadParameter(str(error), param_hint="--log-level") from error
    try:
        number = None if workers is None else parse_workers(workers)
    except InvalidArgument as error:
        raise click.BadParameter(str(error), param_hint="--workers") from error
    options = ServeOptions(conf.absolute(), data.absolute(), levels, log_json, number, is_worker)
    sys.exit(_print_plan(options) if is_plan else run_server(options))


def _print_plan(options: ServeOptions) -> int:
    """For the supervisor: the last line of standard output, or a sentence and a status."""
    try:
        plan = plan_for(options)
    except StartError as error:
        print(f"compostela: {error}", file=sys.stderr)
        return error.status
    print(plan.encoded().decode())
    return 0


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
