"""Runs `pip install` and tells how far it is: `python tools/install.py requirements.lock`, or `python tools/install.py .` for the project itself.

pip alone says nothing for half a minute, or too much. What it says is shown only if it fails.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

QUIET_SECONDS = 5.0
"""Without a terminal, a line at most so often."""
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off")
_COLLECTING = re.compile(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
_PINNED = re.compile(r"^[A-Za-z0-9._-]+(?:\[.*\])?==", re.MULTILINE)


def arguments_for(what: str) -> list[str]:
    """What pip gets: a lock file with hashes, or the project's folder."""
    if Path(what).is_dir():
        return ["--no-deps", "--editable", what]
    return ["--require-hashes", "-r", what]


def steps(lines: Iterator[str], total: int) -> Iterator[str]:
    """A text for each line of pip that begins a new step."""
    seen: set[str] = set()
    for line in lines:
        found = _COLLECTING.match(line)
        if found and found[1] not in seen:
            seen.add(found[1])
            yield f"{len(seen)} of {max(total, len(seen))}: {found[1]}"
        elif line.startswith("Installing collected packages"):
            yield "installing, compiling ..."


def tell(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def install(what: str) -> int:
    """Gives pip's exit status."""
    said: list[str] = []
    pip = subprocess.Popen([*_PIP, *arguments_for(what)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert pip.stdout is not None

    def kept(lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            said.append(line)
            yield line

    total = 1 if Path(what).is_dir() else len(_PINNED.findall(Path(what).read_text()))
    told_at = time.monotonic()
    for step in steps(kept(iter(pip.stdout)), total):
        if sys.stderr.isatty():
            tell(f"\r\x1b[K  {step}")
        elif time.monotonic() - told_at >= QUIET_SECONDS:
            told_at = time.monotonic()
            tell(f"  {step}\n")
    status = pip.wait()
    if sys.stderr.isatty():
        tell("\r\x1b[K")
    if status:
        sys.stderr.writelines(said)
    return status


if __name__ == "__main__":
    sys.exit(max(map(install, sys.argv[1:]), default=0))
