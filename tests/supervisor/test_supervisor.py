"""The supervisor with workers that follow a script."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compostela.app.supervisor.plan import Plan, PlannedSocket
from compostela.testing.ports import free_port

LIMIT_SECONDS = 60.0
# the settings of the supervisor's modules come before its main function
LAUNCHER = """
import sys
from compostela.app.supervisor import __main__, supervisor
supervisor.START_SECONDS = float(sys.argv.pop(1))
sys.exit(__main__.main())
"""


class Supervised:
    """A supervisor, its plan and the folder of what its workers note."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.plan = Plan(
            workers=2,
            command=[sys.executable, str(Path(__file__).with_name("scripted_worker.py")), str(folder)],
            sockets=[PlannedSocket(f"127.0.0.1:{self.port}", "127.0.0.1", self.port, 10)],
            stale_files=[str(folder / "counters")],
        )
        (folder / "plan").write_bytes(self.plan.encoded())
        (folder / "counters").touch()

    def start(self, start_seconds: float = LIMIT_SECONDS) -> "subprocess.Popen[bytes]":
        with (self.folder / "plan").open("rb") as plan, (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-c", LAUNCHER, str(start_seconds), str(plan.fileno()), "--log-level=info"]
            self.process = subprocess.Popen(command, pass_fds=[plan.fileno()], stdout=log, stderr=log)
        return self.process

    def workers(self) -> int:
        assert self.process is not None
        return len(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())

    def noted(self, what: str) -> list[str]:
        return [path.read_text() for path in self.folder.glob(f"{what}-*")]

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not is_so():
            assert time.monotonic() < end, self.log()
            time.sleep(0.01)

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()


def test_the_first_worker_of_a_start_may_take_long_to_get_ready(supervised: Supervised) -> None:
    """It may have a large data folder to migrate."""
    supervised.start(start_seconds=-1.0)
    supervised.wait_for(lambda: bool(supervised.noted("ready")) or "a worker ended" in supervised.log())
    assert supervised.noted("ready"), supervised.log()


def test_restarts_in_a_row_never_have_more_than_twice_the_workers(supervised: Supervised) -> None:
    process = supervised.start()
    supervised.wait_for(lambda: len(supervised.noted("ready")) == 2)
    for number in (1, 2):
        os.kill(process.pid, signal.SIGUSR2)
        supervised.wait_for(lambda count=number: supervised.log().count("the configuration is right") == count)
        supervised.wait_for(lambda: len(supervised.noted("drains")) == 2)
    assert supervised.workers() <= 4
    (supervised.folder / "end").touch()
    supervised.wait_for(lambda: len(supervised.noted("ready")) == 6)
    assert max(map(int, supervised.noted("began"))) <= 4


def test_stale_files_go_before_the_first_worker_starts(supervised: Supervised) -> None:
    supervised.start()
    supervised.wait_for(lambda: len(supervised.noted("ready")) == 2)
    assert supervised.noted("stale") == ["False", "False"]


def test_a_server_that_does_not_get_the_ports_leaves_the_files_of_the_one_that_runs(supervised: Supervised) -> None:
    with socket.create_server(("127.0.0.1", supervised.port)):
        assert supervised.start().wait(LIMIT_SECONDS) == 1
    assert "in use" in supervised.log()
    assert (supervised.folder / "counters").exists()
