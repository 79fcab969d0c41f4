"""A server with two worker processes is one server for its clients and its administrators."""

import contextlib
import imaplib
import os
import select
import signal
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, running_workers, wait_for_ends, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WORKERS = 2
MAX_SUPERVISOR_KIB = 20 * 1024
LIMIT_OF_ADDRESS = 5
MANY = 8
"""Questions and connections: enough for each worker to get some."""
LIMIT_SECONDS = 60.0
LIMITED = f"<connectionLimitPerIP>{LIMIT_OF_ADDRESS}</connectionLimitPerIP><verifyIdentity>"
USER = "user@example.org"


def server_in(folder: Path) -> ServerProcess:
    server = ServerProcess(folder, workers=WORKERS)
    smtp = server.conf / "smtpserver.xml"
    # the server with TLS from the start: the others are for mail
    first, limited = smtp.read_text().rsplit("<verifyIdentity>", 1)
    smtp.write_text(first + LIMITED + limited)
    (server.conf / "authentication.properties").write_text("failures.limit = 4\ndelay.first = 0\n")
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_workers(server_in(tmp_path_factory.mktemp("workers")), USER) as process:
        yield process


def open_sockets(pid: int) -> int:
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += os.readlink(descriptor).startswith("socket:")
    return found


def greetings(port: int, number: int) -> list[socket.socket]:
    """Connections that were greeted, or closed without a word, in which case `recv` gives nothing."""
    found = []
    for _ in range(number):
        connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS)
        connection.recv(100, socket.MSG_PEEK)
        found.append(connection)
    return found


def test_the_supervisor_is_small(server: ServerProcess) -> None:
    assert server.process is not None
    assert len(server.worker_pids()) == WORKERS
    fields = Path(f"/proc/{server.process.pid}/statm").read_text().split()
    assert int(fields[1]) * os.sysconf("SC_PAGE_SIZE") // 1024 < MAX_SUPERVISOR_KIB


def test_connections_are_spread_over_the_workers(server: ServerProcess) -> None:
    before = {pid: open_sockets(pid) for pid in server.worker_pids()}
    connections = greetings(server.imap, 2 * MANY)
    more = [open_sockets(pid) - sockets for pid, sockets in before.items()]
    for connection in connections:
        connection.close()
    # how evenly is a matter of how busy the machine is
    assert min(more) >= 2, "one worker has all"


def test_the_limit_of_an_address_is_that_of_the_whole_server(server: ServerProcess) -> None:
    connections = [socket.create_connection(("127.0.0.1", server.smtps), LIMIT_SECONDS) for _ in range(MANY)]

    def refused() -> int:
        # the server waits for a handshake of the others
        return len(select.select(connections, [], [], 0)[0])

    wait_until(lambda: refused() >= MANY - LIMIT_OF_ADDRESS, "too many are let in")
    assert refused() == MANY - LIMIT_OF_ADDRESS
    for connection in connections:
        connection.close()


def test_metrics_are_those_of_all_workers_whichever_answers(server: ServerProcess) -> None:
    def enqueued() -> float:
        lines = server.command("metrics").splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith("enqueuedMail_spool_total "))

    before = enqueued()
    for _ in range(MANY):
        with smtplib.SMTP("127.0.0.1", server.smtp, timeout=LIMIT_SECONDS) as smtp:
            smtp.sendmail("ann@example.com", [USER], b"Subject: hello\r\n\r\nHello.\r\n")
    assert [enqueued() for _ in range(4)] == [before + MANY] * 4


def test_a_level_of_the_log_holds_in_all_workers(server: ServerProcess) -> None:
    server.command("log", "level", "imap", "debug")
    assert all("debug" in server.command("log", "level", "imap") for _ in range(4))
    for connection in greetings(server.imap, MANY):
        connection.close()
    wait_until(lambda: server.log().count("session begins") >= MANY, "a worker logs less")
    server.command("log", "level", "imap", "default")
    assert all("debug" not in server.command("log", "level", "imap") for _ in range(4))


def test_failed_logins_count_whichever_worker_sees_them(server: ServerProcess) -> None:
    def is_shut_out(number: int) -> bool:
        """Whether a further guess is refused for its address."""
        with (
            imaplib.IMAP4("127.0.0.1", server.imap, LIMIT_SECONDS) as imap,
            pytest.raises(imaplib.IMAP4.error),
        ):
            imap.login(USER, f"guess {number}")
        return "127.0.0.1" in server.command("ban", "list")

    assert [is_shut_out(number) for number in range(4)] == [False, False, False, True]
    assert all("127.0.0.1" in server.command("ban", "list") for _ in range(4))
    server.command("ban", "remove", "127.0.0.1")
    assert all("127.0.0.1" not in server.command("ban", "list") for _ in range(4))


def test_another_worker_comes_for_one_that_is_killed(server: ServerProcess) -> None:
    killed, _ = server.worker_pids()
    connections = greetings(server.imap, MANY)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(set(server.worker_pids()) - {killed}) == WORKERS, "no other worker comes")
    server.wait_for_workers()
    for connection in connections:
        connection.close()
    with imaplib.IMAP4("127.0.0.1", server.imap, LIMIT_SECONDS) as imap:
        assert imap.login(USER, "secret")[0] == "OK"


def test_the_users_of_all_workers_are_listed_whichever_answers(server: ServerProcess) -> None:
    users = [f"user{number}@example.org" for number in range(MANY)]
    with contextlib.ExitStack() as stack:
        for user in users:
            server.add_user(user)
            imap = stack.enter_context(imaplib.IMAP4("127.0.0.1", server.imap, LIMIT_SECONDS))
            assert imap.login(user, "secret")[0] == "OK"
        for _ in range(4):
            assert set(server.ask("/servers/connectedUsers")) == set(users)


def test_connections_of_a_killed_worker_count_no_longer(server: ServerProcess) -> None:
    connections = [socket.create_connection(("127.0.0.1", server.smtps), LIMIT_SECONDS) for _ in range(MANY)]
    for pid in server.worker_pids():
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda gone=pid: gone not in server.worker_pids(), "it goes on")
        server.wait_for_workers()
    for connection in connections:
        connection.close()
    with smtplib.SMTP_SSL("127.0.0.1", server.smtps, timeout=LIMIT_SECONDS) as smtp:
        assert smtp.noop()[0] == 250


def test_without_their_supervisor_workers_close_all_ports_and_finish_what_is_in_flight(server: ServerProcess) -> None:
    assert server.process is not None
    workers = server.worker_pids()
    with socket.create_connection(("127.0.0.1", server.smtp), LIMIT_SECONDS) as client:
        replies = client.makefile("rb")
        assert replies.readline().startswith(b"220 ")
        for command, code in (
            (b"HELO x", b"250"),
            (b"MAIL FROM:<a@example.com>", b"250"),
            (b"RCPT TO:<user@example.org>", b"250"),
            (b"DATA", b"354"),
        ):
            client.sendall(command + b"\r\n")
            assert replies.readline().startswith(code)
        server.process.kill()
        server.process.wait()

        def is_open(port: int) -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        for port in (server.smtp, server.imap, server.web, server.public):
            wait_until(lambda port=port: not is_open(port), "a port stays open")
        client.sendall(b"Subject: last words\r\n\r\nx\r\n.\r\n")
        assert replies.readline().startswith(b"250"), "the mail is cut off before the ports are free"
    wait_for_ends(workers)
    server.start()
    server.wait_for_workers()


def test_without_their_supervisor_workers_end_and_the_next_start_has_the_ports(server: ServerProcess) -> None:
    server.kill()
    server.start()
    server.wait_for_workers()
    with imaplib.IMAP4("127.0.0.1", server.imap, LIMIT_SECONDS) as imap:
        assert imap.login(USER, "secret")[0] == "OK"
