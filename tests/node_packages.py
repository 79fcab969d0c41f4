"""Packages of npm for tests, installed at first use beside their lock file."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.programs import ALL

INSTALL_SECONDS = 90
OLDEST_NODE = 20


def needs_node(what: str) -> pytest.MarkDecorator:
    """For tests with `what`, which a machine without a recent node leaves out. Where `.ci/run` has installed one they fail instead."""
    missing = _missing(what)
    return pytest.mark.skipif(bool(missing) and not ALL, reason=f"{missing}: not installed")


def _missing(what: str) -> str:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return f"{what} needs node and npm"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        return f"{what} needs node {OLDEST_NODE}"
    return ""


def install(folder: Path, package: str) -> None:
    """Install what the lock file in `folder` names, among it `package`. Several test processes may come at once: one installs, the others
    wait."""
    with (folder / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / package / "package.json").exists():
            command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_SECONDS, capture_output=True)
