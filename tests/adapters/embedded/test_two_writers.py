"""Two processes that write to one folder as fast as they can: neither waits long. Figures of longer runs are in
`docs/developers/durability.md`; they are made with

    python -m tests.adapters.embedded.test_two_writers --seconds 30
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = 20
BOUND_MILLISECONDS = 2000.0
"""Generous: the disk of a test machine is shared. The target is 200 ms."""


async def measure(folder: Path, seconds: float, processes: int = 2) -> list[tuple[int, float]]:
    """For each process how many durable writes it made, and the longest of them in milliseconds."""
    arguments = (sys.executable, "-m", "tests.adapters.embedded.saturating_process", folder, str(seconds), str(CLIENTS))
    pipe = asyncio.subprocess.PIPE
    running = [
        await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdin=pipe, stdout=pipe) for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"go\n") for process in running))
    figures = [answer.decode().split() for answer, _ in answers]
    return [(int(count), float(longest)) for count, longest in figures]


@pytest.mark.slow
async def test_neither_of_two_writers_stalls(tmp_path: Path) -> None:
    figures = await measure(tmp_path, 2.0)
    print(figures)
    counts = [count for count, _ in figures]
    assert max(longest for _, longest in figures) < BOUND_MILLISECONDS
    assert min(counts) > 0.3 * max(counts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", help="where the data folder is made: the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for count, longest in asyncio.run(measure(Path(folder), options.seconds, options.processes)):
            print(f"{count / options.seconds:.0f} durable writes/s, the longest took {longest:.1f} ms")


if __name__ == "__main__":
    main()
