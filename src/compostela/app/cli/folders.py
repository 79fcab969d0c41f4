"""The options that name the two folders."""

from pathlib import Path

import click

from compostela.app.configuration.sample import default_folder

_FOLDER = click.Path(file_okay=False, path_type=Path)
conf_option = click.option(
    "--conf",
    type=_FOLDER,
    default=default_folder,
    show_default="conf, or the sample that comes with the package",
    help="Configuration folder.",
)
data_option = click.option("--data", type=_FOLDER, default=Path("data"), show_default=True, help="Data folder.")
