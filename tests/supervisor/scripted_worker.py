"""Takes the place of `compostela serve` for a supervisor under test. The argument is a folder: `plan` in it is the plan of a
rolling restart, and what happens is noted there in files."""

import json
import os
import socket
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.01
ROUNDS = 5
"""Questions before it is ready: each answer shows that the supervisor has looked at its workers since the one before."""


def workers_of_parent() -> int:
    parent = os.getppid()
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sum(b"--worker" in Path(f"/proc/{child}/cmdline").read_bytes() for child in children)


def main() -> None:
    folder = Path(sys.argv[1])
    if sys.argv[-1] == "--plan":
        print((folder / "plan").read_text())
        return
    (folder / f"began-{os.getpid()}").write_text(str(workers_of_parent()))
    (folder / f"stale-{os.getpid()}").write_text(str((folder / "counters").exists()))
    parent = os.getppid()
    channel = socket.socket(fileno=json.loads(os.environ["COMPOSTELA_WORKER"])["channel"])
    lines = channel.makefile("rw")

    def say(**message: object) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    def wait_for(kind: str) -> None:
        while True:
            line = lines.readline()
            if not line:
                sys.exit()
            if json.loads(line)["is"] == kind:
                return

    for number in range(ROUNDS):
        say(**{"is": "ask", "id": number, "topic": "any", "body": None})
        wait_for("asking")
    say(**{"is": "ready"})
    (folder / f"ready-{os.getpid()}").touch()
    wait_for("drain")
    (folder / f"drains-{os.getpid()}").touch()
    while not (folder / "end").exists() and os.getppid() == parent:
        time.sleep(POLL_SECONDS)


main()
