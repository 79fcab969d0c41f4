"""How many cores the server may use."""

import contextlib
import math
import os
from pathlib import Path

CONTROL_GROUP = Path("/proc/self/cgroup")
CONTROL_GROUPS = Path("/sys/fs/cgroup")


def usable_cores(own: Path = CONTROL_GROUP, groups: Path = CONTROL_GROUPS) -> int:
    """The cores of the scheduler's mask, or fewer if a quota of CPU time allows fewer: of a container (`docker run --cpus`) or a service
    (`CPUQuota=`). Quotas are read from control groups of version 2; one of a part of a core counts as one."""
    cores = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        lines = own.read_text().splitlines()
        group = groups / "".join(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
        # the quotas of all groups around it hold too
        for folder in (group, *group.parents):
            if folder == groups.parent:
                break
            quota = _quota(folder / "cpu.max")
            cores = cores if quota is None else min(cores, quota)
    return max(cores, 1)


def _quota(file: Path) -> int | None:
    """In cores, rounded up; None without one. Raises `ValueError`, and `OSError` for an unreadable file."""
    if not file.exists():
        # the root of all groups has none
        return None
    quota, period = file.read_text().split()
    return None if quota == "max" else math.ceil(int(quota) / int(period))
