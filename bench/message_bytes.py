"""`python -m bench.message_bytes`: where message bytes should live. Rows of the database, a file each, and append-only
segments, each with the row that refers to the bytes: durable mails a second, CPU, octets written for an octet of mail.

The figures are in docs/decisions/0002-message-bytes.md."""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from compostela.adapters.embedded.database import connect

KIB = 1024
SIZES = (KIB, 4 * KIB, 64 * KIB, 1024 * KIB, 20 * 1024 * KIB)
OCTETS_A_RUN = 160 * 1024 * KIB
MOST_MAILS = 2000
TOGETHER = 8
"""Mails that share a commit, as under load."""
CHECKPOINT_PAGES = 1000

Store = Callable[[Path], Callable[[list[bytes]], None]]
Row = tuple[str | None, int, bytes | None]
"""File, offset, data."""


def rows(folder: Path) -> Callable[[list[bytes]], None]:
    """The bytes in the row itself."""
    commit = _database(folder)

    def write(bodies: list[bytes]) -> None:
        commit([(None, 0, body) for body in bodies])

    return write


def files(folder: Path) -> Callable[[list[bytes]], None]:
    """A file each, synced with its folder before the row that names it."""
    commit = _database(folder)
    descriptor = os.open(folder, os.O_RDONLY)
    names = _names()

    def write(bodies: list[bytes]) -> None:
        written: list[Row] = []
        for body in bodies:
            name = next(names)
            with (folder / f"{name}.new").open("wb") as file:
                file.write(body)
                file.flush()
                os.fdatasync(file.fileno())
            (folder / f"{name}.new").rename(folder / name)
            written.append((name, 0, None))
        os.fsync(descriptor)
        commit(written)

    return write


def segments(folder: Path) -> Callable[[list[bytes]], None]:
    """One growing file, synced once before the rows with the offsets."""
    commit = _database(folder)
    file = (folder / "segment").open("ab")

    def write(bodies: list[bytes]) -> None:
        written: list[Row] = []
        for body in bodies:
            written.append(("segment", file.tell(), None))
            file.write(body)
        file.flush()
        os.fdatasync(file.fileno())
        commit(written)

    return write


STORES: tuple[Store, ...] = (rows, files, segments)


def _names() -> Iterator[str]:
    return (f"{number:08d}" for number in range(10**8))


def _database(folder: Path) -> Callable[[list[Row]], None]:
    connection, checkpoints = connect(folder / "database"), connect(folder / "database")
    connection.execute("CREATE TABLE blob (id INTEGER PRIMARY KEY, file TEXT, at INTEGER, data BLOB)")
    pages_before = 0

    def grew(_: object, __: str, pages: int) -> int:
        nonlocal pages_before
        if pages - pages_before >= CHECKPOINT_PAGES:
            checkpoints.wal_checkpoint()
            pages_before = pages
        elif pages < pages_before:
            pages_before = 0
        return 0

    connection.set_wal_hook(grew)

    def commit(written: list[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for values in written:
            connection.execute("INSERT INTO blob (file, at, data) VALUES (?, ?, ?)", values)
        connection.execute("COMMIT")

    return commit


def _written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def measure(store: Store, size: int, together: int) -> tuple[float, float, float]:
    """(mails a second, milliseconds of CPU a mail, octets written for each octet of mail)."""
    count = max(together, min(MOST_MAILS, OCTETS_A_RUN // size) // together * together)
    bodies = [os.urandom(size) for _ in range(min(count, 64))]
    with tempfile.TemporaryDirectory(prefix="compostela-bytes-") as folder:
        write = store(Path(folder))
        before, cpu, start = _written(), _cpu(), time.perf_counter()
        for at in range(0, count, together):
            write([bodies[number % len(bodies)] for number in range(at, at + together)])
        seconds = time.perf_counter() - start
        return count / seconds, (_cpu() - cpu) / count * 1000, (_written() - before) / (count * size)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{'octets':>9}  {'a commit':>8}  {'store':<9} {'mails/s':>8} {'CPU ms':>8} {'written':>8}")
    for size in SIZES:
        for together in (1, TOGETHER) if size < 1024 * KIB else (1,):
            for store in STORES:
                rate, cpu, factor = measure(store, size, together)
                print(f"{size:>9}  {together:>8}  {store.__name__:<9} {rate:8.0f} {cpu:8.3f} {factor:8.2f}", flush=True)


if __name__ == "__main__":
    main()
