"""Programs that tests run, and packages that they import, which a machine may lack."""

import os
import shutil
from importlib.util import find_spec

import pytest

ALL = bool(os.environ.get("COMPOSTELA_TEST_ALL"))
"""Set where all programs were installed (.ci/run): there a test without its program fails."""


def needs(*programs: str, package: str = "") -> pytest.MarkDecorator:
    """For tests that a fresh machine leaves out: `make test` installs no packages of the system."""
    missing = [program for program in programs if shutil.which(program) is None]
    if package and find_spec(package) is None:
        missing.append(package)
    return pytest.mark.skipif(
        bool(missing) and not ALL, reason=f"{', '.join(missing)}: not installed (.ci/run installs it)"
    )
