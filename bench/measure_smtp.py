"""SMTP: what is accepted in a second, what a message costs, and when it can be read."""

import multiprocessing
import time
from dataclasses import dataclass
from statistics import median

from bench import smtp_load
from bench.processes import CORES, CpuMeter
from bench.sides import PROBE, SMTP_USERS, Effort, Side
from bench.table import Row, Target, at_most, times
from bench.visible import Counter, probe

CONNECTIONS = 20
SMALL, LARGE = 4 * 1024, 100 * 1024
PROBE_INTERVAL = 0.04


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one side; times in milliseconds, CPU in milliseconds a message."""

    accepted: float
    delivered: float
    cpu_until_250: float
    cpu_all: float
    p50: float
    p99: float
    generator_share: float


def measure(ours: Side, ours_accepting: Side, peer: Side | None, effort: Effort) -> list[Row]:
    """`ours_accepting` delivers nothing."""
    rows = []
    for size, count, peer_count in (
        (SMALL, effort.of(8000, 3000), effort.of(2000, 1000)),
        (LARGE, effort.of(1500, 600), effort.of(800, 400)),
    ):
        own = _side(ours, ours_accepting, size, count, effort)
        other = _side(peer, peer, size, peer_count, effort) if peer else None
        rows += _rows(f"SMTP {size // 1024} KiB", own, other, small=size == SMALL)
        if size == SMALL:
            rows += _until_seen(ours, own.delivered / 2, peer, other.delivered / 2 if other else 0.0, effort)
    return rows


def _side(side: Side, accepting: Side, size: int, count: int, effort: Effort) -> Figures:
    smtp_load.run(side.smtp, size, CONNECTIONS, count // 10, SMTP_USERS)
    runs = [_once(side, accepting, size, count) for _ in range(effort.repeats)]
    return Figures(*(median(getattr(run, name) for run in runs) for name in Figures.__slots__))


def _once(side: Side, accepting: Side, size: int, count: int) -> Figures:
    with Counter(side.imap, SMTP_USERS) as counter:
        _settle(counter)
        before, cpu, start = counter.count(), CpuMeter(side.pids), time.perf_counter()
        result = smtp_load.run(side.smtp, size, CONNECTIONS, count, SMTP_USERS)
        counter.wait_for(before + result.messages)
        # starting the generator's processes is not the server's time
        seconds, spent = time.perf_counter() - start - result.overhead_seconds, cpu.spent()
    cpu = CpuMeter(accepting.pids)
    alone = smtp_load.run(accepting.smtp_only, size, CONNECTIONS, count, SMTP_USERS)
    return Figures(
        accepted=result.rate,
        delivered=result.messages / seconds,
        cpu_until_250=cpu.spent() / alone.messages * 1000,
        cpu_all=spent / result.messages * 1000,
        p50=result.percentile(0.5) * 1000,
        p99=result.percentile(0.99) * 1000,
        generator_share=result.cpu_seconds / result.seconds / CORES * 100,
    )


def _settle(counter: Counter) -> None:
    """Returns when nothing arrives any more."""
    last = -1
    while (now := counter.count()) != last:
        last = now
        time.sleep(0.5)


def _rows(name: str, ours: Figures, peer: Figures | None, *, small: bool) -> list[Row]:
    def row(what: str, unit: str, field: str, target: Target | None = None) -> Row:
        return Row(f"{name}, {what}", unit, getattr(ours, field), getattr(peer, field) if peer else None, target)

    return [
        row("accepted while delivering", "1/s", "accepted", times(6 if small else 4)),
        row("CPU until 250", "ms a message", "cpu_until_250", at_most(0.25) if small else None),
        row("dot to 250, p50", "ms", "p50", at_most(5) if small else None),
        row("dot to 250, p99", "ms", "p99", at_most(25) if small else None),
        row("until visible in IMAP", "1/s", "delivered", times(5) if small else None),
        row("CPU all told", "ms a message", "cpu_all", at_most(0.6) if small else None),
        row("CPU share of the generator", "% of the machine", "generator_share"),
    ]


def _until_seen(ours: Side, rate: float, peer: Side | None, peer_rate: float, effort: Effort) -> list[Row]:
    own = _seen(ours, rate, effort)
    other = _seen(peer, peer_rate, effort) if peer else None
    return [
        Row(
            f"SMTP 4 KiB, 250 to EXISTS at half of one's own rate, p{percent}", "ms", _at(own, percent),
            _at(other, percent) if other else None, at_most(50) if percent == 99 else None,
        )
        for percent in (50, 99)
    ]  # fmt: skip


def _seen(side: Side, rate: float, effort: Effort) -> list[float]:
    count = effort.of(250, 75)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        arriving = pool.apply_async(probe, (side.smtp, side.imap, PROBE, count, PROBE_INTERVAL))
        messages = int(rate * count * PROBE_INTERVAL)
        smtp_load.run(side.smtp, SMALL, CONNECTIONS, messages, SMTP_USERS, rate=rate)
        return arriving.get(240)


def _at(latencies: list[float], percent: int) -> float:
    return latencies[min(len(latencies) - 1, len(latencies) * percent // 100)] * 1000
