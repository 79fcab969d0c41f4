"""CPU and memory of processes, from /proc."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
CORES = os.cpu_count() or 1


def family(pid: int) -> list[int]:
    """A process and all that came from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time, with that of children that have ended."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(fields[n]) for n in (11, 12, 13, 14))
    return total / _TICKS


def cpu_clock(pid: int) -> float:
    """User and system time of one process with all its threads, in seconds, to the nanosecond.

    Linux makes the clock's number of the process id, as `clock_getcpuclockid` does."""
    return time.clock_gettime((~pid << 3) | 2)


def pin(pid: int, core: int) -> None:
    """Keeps a process with all its threads on one core, and this process on the others. `core` is counted round the cores there are."""
    cores = range(CORES)
    chosen = cores[core % CORES]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # a thread that has just ended
            os.sched_setaffinity(int(thread.name), {chosen})
    os.sched_setaffinity(0, {one for one in cores if one != chosen} or {chosen})


class CpuMeter:
    """CPU that a family spends from here on. Its members are looked up again each time: they come and go."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._start = cpu_seconds(pids())

    def spent(self) -> float:
        return cpu_seconds(self._pids()) - self._start


def resident_kib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_KIB
