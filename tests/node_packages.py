"""Packages of npm for tests, installed at first use beside their lock file."""

import fcntl
import subprocess
from pathlib import Path

INSTALL_SECONDS = 90


def install(folder: Path, package: str) -> None:
    """Install what the lock file in `folder` names, among it `package`. Several test processes may come at once: one installs, the others
    wait."""
    with (folder / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / package / "package.json").exists():
            command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_SECONDS, capture_output=True)
