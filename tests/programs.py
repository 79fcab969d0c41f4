"""Programs that tests run and a machine may lack."""

import os
import shutil

import pytest

ALL = bool(os.environ.get("COMPOSTELA_TEST_ALL"))
"""Set where all programs were installed (.ci/run): there a test without its program fails."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """For tests that a fresh machine leaves out: `make test` installs no packages of the system."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(
        bool(missing) and not ALL, reason=f"{', '.join(missing)}: not installed (.ci/run installs it)"
    )
