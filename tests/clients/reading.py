"""What tests about reading share."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS = 60


def run(command: Sequence[str | Path], home: Path, answers: str = "") -> str:
    """Standard output and standard error. The program must end well."""
    done = subprocess.run(
        command,
        env={"HOME": str(home), "FETCHMAILHOME": str(home), "TERM": "xterm", "PATH": "/usr/bin:/bin", "USER": "ann"},
        input=answers,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
