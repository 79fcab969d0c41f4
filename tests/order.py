"""The order of the tests of the rest: the longest modules start first.

With `--dist worksteal` each worker begins with a part of the list, all parts of the same length, and takes tests from the end of another's part
when it has done its own. So the long modules are dealt out to the beginnings of these parts: what starts last is short, and no worker is left
with a long test when the others have ended."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

TESTS = Path(__file__).parent
LONG = tuple(
    TESTS / f"{name}.py"
    for name in (
        # its scanners sleep for most of their time
        "end_to_end/test_testssl",
        "crash/test_crash",
        "fuzz/test_bounded_work",
        "end_to_end/test_rolling_restart",
        "adapters/rspamd/test_client",
        "structure/test_ports",
        "crash/test_sieve",
        "adapters/embedded/test_migration",
        "end_to_end/test_service_manager",
        "end_to_end/test_pop3_clients",
        "crash/test_outbound",
        "end_to_end/test_operator",
        "end_to_end/test_data_folder",
        "adapters/embedded/test_queue_deaths",
        "crash/test_sync_before_answer",
        "end_to_end/test_tasks",
        "end_to_end/test_workers",
        "adapters/embedded/test_listener_processes",
        "end_to_end/test_full_disk",
        "end_to_end/test_backup",
        "unit/processing/test_killed_runs",
        "unit/core/mailbox/test_log_and_pages",
    )
)
"""The longest first. One that is missing here costs time, nothing else."""


class Placed(Protocol):
    @property
    def path(self) -> Path: ...


T = TypeVar("T", bound=Placed)


def longest_first(items: Sequence[T], workers: int, long: Sequence[Path] = LONG) -> list[T]:
    """All of `items`; those of one module in `long` stay together, and so do the others in their order."""
    beginnings: list[list[T]] = [[] for _ in range(workers)]
    for number, path in enumerate(long):
        beginnings[number % workers] += [item for item in items if item.path == path]
    others = [item for item in items if item.path not in long]
    ordered: list[T] = []
    for worker, beginning in enumerate(beginnings):
        part = (len(items) - len(ordered)) // (workers - worker)
        count = max(0, part - len(beginning))
        ordered += beginning + others[:count]
        del others[:count]
    return ordered + others
