"""A progress bar for a task, on standard error where that is a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Show = Callable[[Mapping[str, Any]], None]


@contextlib.contextmanager
def progress_bar(*, wanted: bool) -> Iterator[Show]:
    """Gives a function that shows a report of a task."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda _: None
        return
    # slow to import
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("", total=None)

        def show(report: Mapping[str, Any]) -> None:
            done, total = counts(report)
            bar.update(line, description=f"{report['type']} {report['status']}", completed=done, total=total)

        yield show


@contextlib.contextmanager
def steps_bar(*, wanted: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Gives a function that shows a step, how much of it is done, and of how much (0: not known)."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda *_: None
        return
    # slow to import
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("", total=None)
        yield lambda step, done, total: bar.update(line, description=step, completed=done, total=total or None)


def counts(report: Mapping[str, Any]) -> tuple[int, int | None]:
    """What is done, and of how much; None if the task does not tell."""
    about = report.get("additionalInformation") or {}
    initial, remaining = about.get("initialCount"), about.get("remainingCount")
    if isinstance(initial, int) and isinstance(remaining, int):
        return max(0, initial - remaining), initial
    done = [value for name, value in about.items() if name.endswith("Count") and isinstance(value, int)]
    return sum(done), None
