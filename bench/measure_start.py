"""How long a start takes, and what the server needs at rest."""

import smtplib
import time
from statistics import median

from bench.messages import Source
from bench.ours import Ours
from bench.processes import resident_kib
from bench.sides import SMTP_USERS, Effort
from bench.table import Row, at_most

REST_SECONDS = 2.0


def measure(effort: Effort) -> list[Row]:
    first, again, resident = [], [], []
    for number in range(effort.repeats):
        ours = Ours(effort.folder / f"start{number}")
        try:
            first.append(_timed_start(ours, f"postmaster@{_DOMAIN}"))
            ours.stop()
            ours.start_with_users((SMTP_USERS[0],))
            time.sleep(REST_SECONDS)
            resident.append(sum(map(resident_kib, ours.pids())) / 1024)
            ours.stop()
            for _ in range(effort.repeats):
                again.append(_timed_start(ours, SMTP_USERS[0]))
                ours.stop()
        finally:
            ours.stop()
    return [
        Row("first start until a mail is accepted", "s", median(first), target=at_most(2)),
        Row("start on existing data until a mail is accepted", "s", median(again), target=at_most(0.6)),
        Row("memory at rest with WebAdmin up", "MiB", median(resident), target=at_most(75)),
    ]


_DOMAIN = "example.org"
_SOURCES = Source(4096, "start")


def _timed_start(ours: Ours, recipient: str) -> float:
    began = time.perf_counter()
    ours.start()
    with smtplib.SMTP("127.0.0.1", ours.smtp) as client:
        client.sendmail("sender@bench.example", recipient, _SOURCES.next())
        return time.perf_counter() - began
