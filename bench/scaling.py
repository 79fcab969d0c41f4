"""`python -m bench.scaling`: what more worker processes give. The groups `smtp` and `imap` with each number of workers, one after
the other; the numbers take turns, so a machine that gets slower or faster meets all alike. A figure is the median of its runs, with
the lowest and the highest."""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench import __main__ as groups
from bench.sides import Effort

NAMES = ("smtp", "imap")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="fewer messages")
    options = parser.parse_args()
    found: dict[str, dict[int, list[float]]] = {}
    start = time.perf_counter()
    for run in range(options.runs):
        for workers in options.workers if run % 2 == 0 else reversed(options.workers):
            for name in options.only:
                took = time.perf_counter() - start
                print(f"{took:6.1f} s  run {run + 1}, {workers} workers, {name}", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory(prefix="compostela-bench-") as folder:
                    for row in groups.GROUPS[name](Effort(Path(folder), options.quick, workers), None):
                        figures = found.setdefault(f"{row.name} ({row.unit})", {})
                        figures.setdefault(workers, []).append(row.ours)
    print(rendered(found, options.workers))


def rendered(found: dict[str, dict[int, list[float]]], numbers: list[int]) -> str:
    """A Markdown table: a line for each measure, a column for each number of workers."""
    lines = ["| measure | " + " | ".join(f"{number} workers" for number in numbers) + " |"]
    lines.append("|---|" + "---:|" * len(numbers))
    for name, figures in found.items():
        cells = [_cell(figures.get(number, [])) for number in numbers]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(figures: list[float]) -> str:
    if not figures:
        return ""
    return f"{median(figures):.3g} ({min(figures):.3g}–{max(figures):.3g})"


if __name__ == "__main__":
    main()
