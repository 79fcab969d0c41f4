"""Starting, resting and holding many sessions."""

import resource
import smtplib
import threading
import time

from bench import processes, smtp_load
from bench.imap_load import Connection
from bench.systems import LISTED, PASSWORD, USERS, Ours
from bench.table import Line, Report

SESSIONS = 1000
BIG_MAILBOX = 100_000
PING_SECONDS = 0.001


def start(report: Report) -> Ours:
    """A first start; gives the running system."""
    ours = Ours()
    began = time.perf_counter()
    ours.start()
    report(Line("first start until the ports are open", "s", time.perf_counter() - began, target=2))
    ours.prepare()
    report(Line("memory at rest, WebAdmin up", "MB", _resident(ours) / 1000, target=75))
    return ours


def restart(ours: Ours, report: Report) -> None:
    ours.server.stop()
    began = time.perf_counter()
    ours.start()
    with smtplib.SMTP("127.0.0.1", ours.smtp) as smtp:
        smtp.sendmail("restart@bench.example", [USERS[0]], smtp_load.message(4096)[:-3])
        taken = time.perf_counter() - began
    report(Line("start on existing data until the first mail", "s", taken, target=0.6))


def idle_sessions(ours: Ours, report: Report) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (SESSIONS * 2 + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for name, port, tls, target in (("plain", ours.imap, False, 10), ("TLS", ours.imaps, True, 60)):
        before = _resident(ours)
        sessions = [_idling(port, tls) for _ in range(SESSIONS)]
        report(
            Line(
                f"an idle IMAP session, {name}, of {SESSIONS}",
                "kB",
                (_resident(ours) - before) / SESSIONS,
                target=target,
            )
        )
        for session in sessions:
            session.close()
        time.sleep(1)


def _idling(port: int, tls: bool) -> Connection:
    connection = Connection(port, tls=tls)
    connection.login(USERS[0], PASSWORD)
    connection.command(b"SELECT INBOX")
    connection.idle()
    return connection


def big_mailbox(ours: Ours, report: Report) -> None:
    """SELECT of a mailbox that nobody has opened yet, and what another session feels of it."""
    ours.fill(LISTED, BIG_MAILBOX, 300)
    reader = Connection(ours.imap)
    reader.login(LISTED, PASSWORD)
    ended, worst = threading.Event(), [0.0]

    def ping() -> None:
        connection = Connection(ours.imap)
        connection.login(USERS[1], PASSWORD)
        while not ended.is_set():
            began = time.perf_counter()
            connection.command(b"NOOP")
            worst[0] = max(worst[0], time.perf_counter() - began)
            time.sleep(PING_SECONDS)

    pinger = threading.Thread(target=ping)
    pinger.start()
    time.sleep(0.3)
    worst[0] = 0.0
    began = time.perf_counter()
    reader.command(b"SELECT INBOX")
    taken = time.perf_counter() - began
    ended.set()
    pinger.join()
    report(Line(f"SELECT of {BIG_MAILBOX:,} messages", "ms", taken * 1000, target=50))
    report(Line("  longest NOOP of another session meanwhile", "ms", worst[0] * 1000, target=10))


def _resident(ours: Ours) -> float:
    """In kB of a thousand octets."""
    assert ours.server.process is not None
    return processes.resident_kib(ours.server.process.pid) * 1.024
