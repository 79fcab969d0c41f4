"""Programs that tests run, and packages that they import, which a machine may lack."""

import os
import shutil
from importlib.util import find_spec

import pytest

ALL = bool(os.environ.get("COMPOSTELA_TEST_ALL"))
"""Set where all programs were installed (.ci/run): there a test without its program fails."""

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
"""Servers are there, whatever the user's path."""


def needs(*programs: str, package: str = "", as_root: bool = False) -> pytest.MarkDecorator:
    """For tests that a fresh machine leaves out: `make test-all` installs no packages of the system. `as_root`: only root can start the
    program."""
    missing = [program for program in programs if shutil.which(program, path=_PATH) is None]
    if package and find_spec(package) is None:
        missing.append(package)
    reason = f"{', '.join(missing)}: not installed (.ci/run installs it)"
    if not missing and as_root and os.geteuid() != 0:
        missing, reason = list(programs), f"only root can start {', '.join(programs)}"
    return pytest.mark.skipif(bool(missing) and not ALL, reason=reason)
