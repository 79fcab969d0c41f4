"""What systemd does for a service: sockets that are open before it starts, and word of when it is ready."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LIMIT_SECONDS = 60.0
# the process that systemd starts has its sockets from descriptor 3 on, and is named by its id
LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), WATCHDOG_USEC="2000000")
os.execv(sys.executable, [sys.executable, "-m", "compostela", *sys.argv[2:]])
"""


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """Where the service says what it does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(LIMIT_SECONDS)
        yield receiver


def wait_for(told: socket.socket, text: str) -> None:
    while told.recv(1000).decode() != text:
        pass


@pytest.mark.parametrize("workers", [1, 2])
def test_a_handed_socket_is_served_and_systemd_is_told(tmp_path: Path, told: socket.socket, workers: int) -> None:
    server = ServerProcess(tmp_path)
    with socket.create_server(("127.0.0.1", server.smtp)) as handed:
        os.set_inheritable(handed.fileno(), True)
        client = socket.create_connection(("127.0.0.1", server.smtp), LIMIT_SECONDS)
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-c", LAUNCHER, str(handed.fileno()), "serve", "--conf", str(server.conf),
                    "--data", str(server.data), "--workers", str(workers),
                ],
                env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
                pass_fds=[handed.fileno()],
                stdout=log,
                stderr=log,
            )  # fmt: skip
    try:
        with client:
            assert client.recv(4) == b"220 ", "the connection that came before the server"
        wait_for(told, "READY=1")
        wait_for(told, "WATCHDOG=1")
        process.terminate()
        wait_for(told, "STOPPING=1")
        assert process.wait(LIMIT_SECONDS) == 0, server.log()
    finally:
        process.kill()
        process.wait()
