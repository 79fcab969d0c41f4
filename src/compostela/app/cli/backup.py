"""`compostela backup` and `compostela restore`: they work on the data folder itself, with the server running or not."""

import os
import sys
from pathlib import Path

import click

from compostela.adapters.embedded.backup import BackupReport, make_backup
from compostela.adapters.embedded.private import PRIVATE_UMASK
from compostela.adapters.embedded.restoring import restore as restore_backup
from compostela.app.cli.client import fail, show
from compostela.app.cli.folders import data_option
from compostela.app.cli.progress import steps_bar
from compostela.base.errors import CompostelaError

EXIT_DAMAGED = 3
"""The backup was made, or restored, and some bodies of messages were damaged in the data folder before."""
_json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@data_option
@_json_option
def backup(target: Path, data: Path, as_json: bool) -> None:
    """Write a backup of the data folder to TARGET: an archive if the name ends in ".tar", else a folder. The server may run. Nothing is overwritten. What
    was written is read again and checked. The configuration folder is not part of it. Exit status 3: the backup is made, but bodies of
    messages were damaged in the data folder before."""
    os.umask(PRIVATE_UMASK)
    try:
        with steps_bar(wanted=not as_json) as tell:
            report = make_backup(data.absolute(), target.absolute(), tell)
    except CompostelaError as error:
        fail(str(error))
    for name in report.damaged:
        click.echo(f"compostela: the body {name} was damaged or missing in the data folder", err=True)
    show(_document(report, target), as_json, f"{target}: {report.files} files, {report.octets} octets, checked")
    sys.exit(EXIT_DAMAGED if report.damaged else 0)


def _document(report: BackupReport, target: Path) -> dict[str, object]:
    return {"backup": str(target), "files": report.files, "octets": report.octets, "damaged": list(report.damaged)}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@data_option
@_json_option
def restore(source: Path, data: Path, as_json: bool) -> None:
    """Make a data folder from the backup SOURCE. The folder must be missing or empty. All is checked, and on failure nothing is left. Exit status 3: as
    with backup."""
    os.umask(PRIVATE_UMASK)
    try:
        with steps_bar(wanted=not as_json) as tell:
            missing = restore_backup(source.absolute(), data.absolute(), tell)
    except CompostelaError as error:
        fail(str(error))
    if missing:
        click.echo(f"compostela: {missing} bodies of messages were missing when the backup was made", err=True)
    show(
        {"data": str(data), "missing": missing},
        as_json,
        f"{data} is restored. Start the server: compostela serve --data {data}",
    )
    sys.exit(EXIT_DAMAGED if missing else 0)
