"""Starts `compostela` from a process that has imported the server already: a fork costs a tenth of what a start with its imports does, and a
run of the tests starts hundreds.

What a server does from its command line on is the same. Servers started as an operator starts them, with a new interpreter, are those of
tests/end_to_end/test_service_manager.py, of the supervisor (workers), of tests/structure/test_start.py, and of all measurements."""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

IMPORTED = (
    "compostela.app.cli.server",
    "compostela.app.server.route_groups",
    "compostela.doctor.diagnosis",
    "compostela.web.autoconfiguration.application",
    "compostela.web.webadmin.request_limits",
    "uvicorn.protocols.http.httptools_impl",
)
"""What every server with WebAdmin and the public documents imports, and with it all that these import."""
CHANGING = ("PYTEST_CURRENT_TEST",)
"""Variables that differ from test to test and concern no server."""
MOST_OCTETS = 1 << 20


class ForkedProcess:
    """What `subprocess.Popen` has, as far as tests use it, of a process that is another's child."""

    def __init__(self, origin: "Origin", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._origin = origin
        self._ending = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit status, the negative number of the signal that ended it, or None while it runs."""
        return self._awaited(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises `subprocess.TimeoutExpired`."""
        status = self._awaited(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._ending, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _awaited(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._ending], [], [], seconds)[0]:
            self.returncode = self._origin.status_of(self.pid)
            os.close(self._ending)
        return self.returncode


class Origin:
    """The process that forks. It ends with this one."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked_programs", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[1],
            )
        atexit.register(self._end)

    def start(
        self, arguments: Sequence[str], stdout: BinaryIO, stderr: BinaryIO, variables: dict[str, str] | None = None
    ) -> ForkedProcess:
        """`compostela` with these arguments, in this process's folder. `variables` are further ones of the environment."""
        request = {"arguments": arguments, "folder": os.getcwd(), "variables": variables or {}}
        return ForkedProcess(self, self._asked(request, [stdout.fileno(), stderr.fileno()]))

    def status_of(self, pid: int) -> int:
        """Of a process that has ended."""
        return self._asked({"pid": pid}, [])

    def _end(self) -> None:
        self._requests.close()
        self._process.wait()

    def _asked(self, request: Mapping[str, object], files: list[int]) -> int:
        with self._turn:
            socket.send_fds(self._requests, [json.dumps(request).encode()], files)
            answer = self._requests.recv(MOST_OCTETS)
        return int(answer)


def origin() -> Origin | None:
    """The one of this process. None where processes cannot be watched, and for a test with an environment of its own, whose
    variables may count when the interpreter starts."""
    if not hasattr(os, "pidfd_open"):
        return None
    return _only_origin() if _environment() == _ENVIRONMENT else None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in CHANGING}


_ENVIRONMENT = _environment()


@cache
def _only_origin() -> Origin:
    return Origin()


def serve_forks(requests: socket.socket) -> None:
    """Answers until the other side has ended. Returns in each fork too, whose arguments are in `sys.argv` then."""
    while True:
        octets, files, _, _ = socket.recv_fds(requests, MOST_OCTETS, 2)
        if not octets:
            os._exit(0)
        request = json.loads(octets)
        if "pid" in request:
            _, status = os.waitpid(request["pid"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                break
        for file in files:
            os.close(file)
        requests.send(str(answer).encode())
    requests.close()
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.update(request["variables"])
    sys.argv[1:] = request["arguments"]


def main() -> None:
    import gc
    from importlib import import_module

    from compostela.app.cli import main as compostela

    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        serve_forks(requests)
    compostela(prog_name="compostela")


if __name__ == "__main__":
    main()
