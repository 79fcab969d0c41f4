"""The sample configuration: in a wheel a part of the package, in a checkout the folder `conf`."""

from importlib.resources import files
from pathlib import Path


def sample_folder() -> Path:
    """The folder that serves without `--conf`. It exists in every installation."""
    packaged = Path(str(files("compostela.app.configuration"))) / "sample"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "conf"


def default_folder() -> Path:
    """`conf` here, or the sample."""
    here = Path("conf")
    return here if here.is_dir() else sample_folder()
