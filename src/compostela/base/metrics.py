"""Counters that cost a plain addition, gathered here and shown by the exposition page.

Names are James's (`imap-select`, `enqueuedMail:spool`); the exposition turns them into Prometheus names.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from compostela.base.errors import InvalidArgument

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Counter:
    """A number that only grows."""

    __slots__ = ("help", "name", "value")

    def __init__(self, name: str, help_text: str) -> None:
        self.name = name
        self.help = help_text
        self.value = 0

    def inc(self, by: int = 1) -> None:
        self.value += by


class Gauge:
    """A number that goes up and down, set by its owner or read from a function when shown."""

    __slots__ = ("help", "name", "read", "value")

    def __init__(self, name: str, help_text: str, read: Callable[[], float] | None = None) -> None:
        self.name = name
        self.help = help_text
        self.value = 0.0
        self.read = read

    def inc(self, by: float = 1) -> None:
        self.value += by

    def dec(self, by: float = 1) -> None:
        self.value -= by

    def current(self) -> float:
        return self.read() if self.read is not None else self.value


class Histogram:
    """Durations in seconds, counted in buckets (`bounds` are the inclusive upper limits)."""

    __slots__ = ("bounds", "counts", "help", "name", "total")

    def __init__(self, name: str, help_text: str) -> None:
        self.name = name
        self.help = help_text
        self.bounds = BUCKETS
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


Metric = Counter | Gauge | Histogram
M = TypeVar("M", Counter, Gauge, Histogram)
_metrics: dict[str, Metric] = {}


def counter(name: str, help_text: str = "") -> Counter:
    """The counter of this name, made at its first use. Raises `InvalidArgument` if the name is that of another kind of metric."""
    return _metric(name, Counter(name, help_text))


def gauge(name: str, help_text: str = "", read: Callable[[], float] | None = None) -> Gauge:
    """The gauge of this name, made at its first use. Raises `InvalidArgument` if the name is that of another kind of metric."""
    return _metric(name, Gauge(name, help_text, read))


def histogram(name: str, help_text: str = "") -> Histogram:
    """The histogram of this name, made at its first use. Raises `InvalidArgument` if the name is that of another kind of metric."""
    return _metric(name, Histogram(name, help_text))


def _metric(name: str, new: M) -> M:
    known = _metrics.setdefault(name, new)
    if not isinstance(known, type(new)):
        raise InvalidArgument(f"{name!r} is the name of another metric, a {type(known).__name__.lower()}")
    return known


def all_metrics() -> list[Metric]:
    """Every metric by name."""
    return [_metrics[name] for name in sorted(_metrics)]


@dataclass(frozen=True, slots=True)
class Shown:
    """A metric as one process, or several together, have it. `numbers` of a histogram are the counts by bucket, then the total in
    seconds."""

    kind: str
    name: str
    help: str
    numbers: list[float]


def snapshot() -> list[Shown]:
    """Every metric of this process by name."""
    return [_shown(metric) for metric in all_metrics()]


def added(*snapshots: Iterable[Shown]) -> list[Shown]:
    """Snapshots of several processes, added up by name. Of metrics of one name that do not fit the first one counts."""
    found: dict[str, Shown] = {}
    for one in chain.from_iterable(snapshots):
        known = found.setdefault(one.name, one)
        if known is not one and (known.kind, len(known.numbers)) == (one.kind, len(one.numbers)):
            numbers = [mine + others for mine, others in zip(known.numbers, one.numbers, strict=True)]
            found[one.name] = replace(known, numbers=numbers)
    return [found[name] for name in sorted(found)]


def _shown(metric: Metric) -> Shown:
    match metric:
        case Counter():
            return Shown("counter", metric.name, metric.help, [metric.value])
        case Histogram():
            return Shown("histogram", metric.name, metric.help, [*metric.counts, metric.total])
        case Gauge():
            return Shown("gauge", metric.name, metric.help, [metric.current()])
