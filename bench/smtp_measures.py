"""Accepting and delivering: what a message costs, and how long senders and readers wait."""

import smtplib
import statistics
import threading
import time
from dataclasses import dataclass

from bench import processes, smtp_load
from bench.imap_load import Connection
from bench.systems import PASSWORD, USERS, Ours, System
from bench.table import Line, Report

CONNECTIONS = 20
PROBES = 150
RUNS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One load. CPU in milliseconds a message; `generator` is the load generator's share."""

    accepted: float
    delivered: float
    cpu_until_accepted: float
    cpu_all: float
    generator: float
    p50: float
    p99: float


def load(system: System, size: int, messages: int) -> Run:
    pids = system.pids()
    before, start = processes.cpu_seconds(pids), time.perf_counter()
    result = smtp_load.run(system.smtp, size, CONNECTIONS, messages, USERS)
    accepted = processes.cpu_seconds(system.pids()) - before
    while system.queued():
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    spent = processes.cpu_seconds(system.pids()) - before
    return Run(
        result.rate,
        result.messages / seconds,
        accepted / result.messages * 1000,
        spent / result.messages * 1000,
        result.cpu_seconds / result.messages * 1000,
        result.percentile(0.5) * 1000,
        result.percentile(0.99) * 1000,
    )


def median(runs: list[Run]) -> Run:
    return Run(*(statistics.median(values) for values in zip(*(_values(run) for run in runs), strict=True)))


def _values(run: Run) -> tuple[float, ...]:
    return (
        run.accepted, run.delivered, run.cpu_until_accepted, run.cpu_all, run.generator, run.p50, run.p99,
    )  # fmt: skip


def accepting(ours: System, theirs: System | None, messages: int, report: Report) -> float:
    """Gives our rate of delivery with 4 KiB."""
    small = median([load(ours, 4096, messages) for _ in range(RUNS)])
    peer = median([load(theirs, 4096, messages // 4) for _ in range(RUNS)]) if theirs else None
    report(
        Line(
            "SMTP accept, 4 KiB, 20 connections",
            "mails/s",
            small.accepted,
            peer.accepted if peer else None,
            6,
            True,
            True,
        )
    )
    report(
        Line("  CPU while accepting (with deliveries meanwhile)", "ms/mail", small.cpu_until_accepted,
             peer.cpu_until_accepted if peer else None, 0.25)
    )  # fmt: skip
    report(Line("  dot to 250, p50", "ms", small.p50, peer.p50 if peer else None, 5))
    report(Line("  dot to 250, p99", "ms", small.p99, peer.p99 if peer else None, 25))
    report(
        Line("until in the mailbox, 4 KiB", "mails/s", small.delivered, peer.delivered if peer else None, 5, True, True)
    )
    report(Line("  CPU all told", "ms/mail", small.cpu_all, peer.cpu_all if peer else None, 0.6))
    report(Line("  the generator's own CPU", "ms/mail", small.generator, peer.generator if peer else None))
    large = median([load(ours, 102_400, messages // 6) for _ in range(RUNS)])
    peer = median([load(theirs, 102_400, messages // 12) for _ in range(RUNS)]) if theirs else None
    report(Line("SMTP accept, 100 KiB", "mails/s", large.accepted, peer.accepted if peer else None, 4, True, True))
    report(Line("  CPU all told", "ms/mail", large.cpu_all, peer.cpu_all if peer else None))
    return small.delivered


def visible(ours: Ours, rate: float, report: Report) -> None:
    """From 250 to the EXISTS of an idling reader, while others send at half our rate."""
    reader = Connection(ours.imap)
    reader.login(USERS[0], PASSWORD)
    reader.command(b"SELECT INBOX")
    seconds = PROBES * 0.03 + 2
    pause = max(0.001, CONNECTIONS / (rate / 2) - 0.002)
    others = threading.Thread(
        target=smtp_load.run,
        args=(ours.smtp, 4096, CONNECTIONS, int(rate / 2 * seconds), USERS[1:]),
        kwargs={"pause": pause},
    )
    others.start()
    time.sleep(1)
    waits = []
    with smtplib.SMTP("127.0.0.1", ours.smtp) as smtp:
        for number in range(PROBES):
            reader.idle()
            smtp.sendmail("probe@bench.example", [USERS[0]], smtp_load.message(4096, number)[:-3])
            accepted = time.perf_counter()
            reader.wait_for(b"EXISTS")
            waits.append(time.perf_counter() - accepted)
            reader.end_idle()
            time.sleep(0.01)
    others.join()
    waits.sort()
    report(Line("accept to visible at half our rate, p50", "ms", waits[len(waits) // 2] * 1000))
    report(Line("accept to visible at half our rate, p99", "ms", waits[int(len(waits) * 0.99)] * 1000, target=50))
