"""`python -m bench.scaling`: what more worker processes give, beside Debian's Postfix and Dovecot in the same runs.

A run measures each group with each number of workers, and the peer once. The order of the numbers turns round from run to run, so a
machine that gets slower or faster meets all alike. A figure is the median of its runs, with the lowest and the highest. A ratio is
taken within a run first: it is the median of the runs' ratios. Without Postfix and Dovecot only our figures are shown."""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import __main__ as groups
from bench import measure_relay, peers
from bench.sides import Effort, Side
from bench.table import Row

GROUPS: dict[str, Callable[[Effort, Side | None], list[Row]]] = {
    "smtp": groups.smtp,
    "imap": groups.imap,
    "relay": lambda effort, peer: [measure_relay.in_to_out(effort, with_peer=peer is not None)],
}


@dataclass(frozen=True, slots=True)
class Spread:
    """The figures of some runs, at least one."""

    runs: Sequence[float]

    def __str__(self) -> str:
        if len(self.runs) == 1:
            return _number(self.runs[0])
        return f"{_number(median(self.runs))} ({_number(min(self.runs))}–{_number(max(self.runs))})"

    def as_dict(self) -> dict[str, object]:
        return {"median": median(self.runs), "lowest": min(self.runs), "highest": max(self.runs), "runs": self.runs}


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(slots=True)
class Measure:
    """All figures of one measure. `ours` by number of workers and `peer` have one entry a run, in the order of the runs."""

    name: str
    unit: str
    ours: dict[int, list[float]] = field(default_factory=dict)
    peer: list[float] = field(default_factory=list)

    def add(self, workers: int, row: Row) -> None:
        self.ours.setdefault(workers, []).append(row.ours)
        if row.peer is not None:
            self.peer.append(row.peer)

    def own(self, workers: int) -> Spread:
        return Spread(self.ours[workers])

    def others(self) -> Spread | None:
        return Spread(self.peer) if self.peer else None

    def ratio(self, workers: int) -> Spread | None:
        """Ours to the peer's."""
        ratios = [ours / peer for ours, peer in zip(self.ours[workers], self.peer, strict=False) if peer]
        return Spread(ratios) if ratios else None

    def as_dict(self) -> dict[str, object]:
        peer, ratios = self.others(), {workers: self.ratio(workers) for workers in self.ours}
        return {
            "measure": self.name,
            "unit": self.unit,
            "ours": {workers: self.own(workers).as_dict() for workers in self.ours},
            "peer": peer and peer.as_dict(),
            "ratio": {workers: ratio and ratio.as_dict() for workers, ratio in ratios.items()},
        }


def measure_run(name: str, numbers: Sequence[int], found: dict[str, Measure], *, quick: bool, compare: bool) -> None:
    """Measure the group `name` once with each number of workers, in this order, and add the figures to `found`.

    The peer runs all the while, so it disturbs all alike; it is measured with the first number only."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="compostela-bench-")))
        folder.chmod(0o755)
        peer = stack.enter_context(peers.running_peer(folder / "peer")) if compare else None
        for workers in numbers:
            own = folder / f"{workers}-workers"
            own.mkdir()
            for row in GROUPS[name](Effort(own, quick, workers), peer):
                found.setdefault(row.name, Measure(row.name, row.unit)).add(workers, row)
            peer = None


def render(measures: Sequence[Measure], numbers: Sequence[int]) -> str:
    """A table in Markdown. The peer's columns are left out if it was not measured."""
    compared = any(measure.peer for measure in measures)
    titles = [f"{number} worker{'s' if number > 1 else ''}" for number in numbers]
    headings = ["measure", *titles]
    if compared:
        headings += ["peer", *(f"{title} / peer" for title in titles)]
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)]]
    for measure in measures:
        cells: list[object] = [f"{measure.name} ({measure.unit})", *map(measure.own, numbers)]
        if compared:
            cells += [measure.others() or "", *(measure.ratio(number) or "" for number in numbers)]
        lines.append([str(cell) for cell in cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4], metavar="NUMBER", help="(1 2 4)")
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="NAME", help=", ".join(GROUPS)
    )
    parser.add_argument("--runs", type=int, default=7, help="alternating runs (7)")
    parser.add_argument("--quick", action="store_true", help="fewer messages, each measure once a run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there, anew after each run")
    options = parser.parse_args()
    # a run that is ended early stops its servers too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    missing = peers.is_missing()
    if missing:
        print(f"no peer to compare with: {missing}", file=sys.stderr)
    found: dict[str, Measure] = {}
    start = time.perf_counter()
    for run in range(options.runs):
        for name in options.only:
            print(f"{time.perf_counter() - start:6.1f} s  run {run + 1}, {name}", file=sys.stderr, flush=True)
            numbers = options.workers[::-1] if run % 2 else options.workers
            measure_run(name, numbers, found, quick=options.quick, compare=not missing)
        if options.json:
            options.json.write_text(json.dumps([measure.as_dict() for measure in found.values()], indent=1) + "\n")
    print(render(list(found.values()), options.workers))
    print(f"{time.perf_counter() - start:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()
