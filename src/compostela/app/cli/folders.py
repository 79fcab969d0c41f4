"""The options that name the two folders."""

from pathlib import Path

import click

_FOLDER = click.Path(file_okay=False, path_type=Path)
conf_option = click.option(
    "--conf", type=_FOLDER, default=Path("conf"), show_default=True, help="Configuration folder."
)
data_option = click.option("--data", type=_FOLDER, default=Path("data"), show_default=True, help="Data folder.")
