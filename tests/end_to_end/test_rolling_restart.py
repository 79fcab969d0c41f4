"""A rolling restart changes configuration and processes, and refuses no connection."""

import os
import signal
import smtplib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, running_workers, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LIMIT_SECONDS = 60.0
USER = "user@example.org"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running_workers(ServerProcess(tmp_path, workers=2), USER) as process:
        yield process


class Clients:
    """Connect and send all the while, one after the other; what goes wrong is kept."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._is_over = threading.Event()
        self.refused: list[str] = []
        self.sent = 0
        self._threads = [threading.Thread(target=work) for work in (self._connect, self._send)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _connect(self) -> None:
        while not self._is_over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._server.imap), LIMIT_SECONDS) as connection:
                    if not connection.recv(100).startswith(b"* OK"):
                        self.refused.append("no greeting of IMAP")
            except OSError as error:
                self.refused.append(f"IMAP: {error}")

    def _send(self) -> None:
        while not self._is_over.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self._server.smtp, timeout=LIMIT_SECONDS) as smtp:
                    smtp.sendmail("ann@example.com", [USER], b"Subject: hello\r\n\r\nHello.\r\n")
                    self.sent += 1
            except OSError as error:
                self.refused.append(f"SMTP: {error}")


def size_of(server: ServerProcess) -> str:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=LIMIT_SECONDS) as smtp:
        smtp.ehlo()
        return smtp.esmtp_features["size"]


def change_size(server: ServerProcess, text: str) -> None:
    file = server.conf / "smtpserver.xml"
    file.write_text(file.read_text().replace("<maxmessagesize>50M", f"<maxmessagesize>{text}"))


def test_no_connection_is_refused_while_all_workers_change(server: ServerProcess) -> None:
    before = server.worker_pids()
    change_size(server, "7M")
    with Clients(server) as clients:
        assert "have taken over" in server.command("restart")
        assert len(set(server.worker_pids()) - set(before)) == 2, "the command ends when the new workers are ready"
        wait_until(lambda: not set(before) & set(server.worker_pids()), "the old workers go on")
        sent = clients.sent
        wait_until(lambda: clients.sent > sent + 5 or bool(clients.refused), "the new workers take no mail")
    assert clients.refused == []
    assert [size_of(server) for _ in range(4)] == [str(7 * 1024 * 1024)] * 4
    assert len(server.worker_pids()) == 2


def test_the_signal_does_as_the_command(server: ServerProcess) -> None:
    assert server.process is not None
    before = server.worker_pids()
    os.kill(server.process.pid, signal.SIGUSR2)
    wait_until(lambda: not set(before) & set(server.worker_pids()), "the old workers go on")
    server.wait_for_workers()


def test_the_signal_of_a_restart_ends_no_worker_that_gets_it_too(server: ServerProcess) -> None:
    """As by `systemctl kill`, which sends it to every process of the service."""
    before = server.worker_pids()
    for pid in before:
        os.kill(pid, signal.SIGUSR2)
    wait_until(lambda: server.log().count("SIGUSR2") == 2 or server.worker_pids() != before, "nothing happens")
    assert server.worker_pids() == before


def test_a_wrong_configuration_leaves_the_workers_as_they_are(server: ServerProcess) -> None:
    before = server.worker_pids()
    change_size(server, "much")
    with pytest.raises(AssertionError, match="maxmessagesize"):
        server.command("restart")
    assert server.worker_pids() == before
    assert size_of(server) == str(50 * 1024 * 1024)


def test_a_new_port_is_opened_and_one_that_is_gone_is_closed(server: ServerProcess) -> None:
    file = server.conf / "pop3server.xml"
    text = file.read_text()
    file.write_text(text.replace(f":{server.pop3s}<", f":{server.public}<"))
    (server.conf / "autoconfiguration.properties").write_text("enabled = false\n")
    server.command("restart")

    def refuses(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    wait_until(lambda: refuses(server.pop3s), "the old port is open")
    assert not refuses(server.public)


def test_a_first_worker_that_cannot_start_leaves_the_old_ones(server: ServerProcess) -> None:
    before = server.worker_pids()
    token = server.conf / "webadmin.properties"
    # checked when WebAdmin starts, not before
    token.write_text(token.read_text().replace("password =", "# password ="))
    (server.data / "webadmin.token").write_bytes(b"x")
    with pytest.raises(AssertionError, match="a new worker did not get ready"):
        server.command("restart")
    wait_until(lambda: server.worker_pids() == before, "other workers are there")
    assert size_of(server) == str(50 * 1024 * 1024)
