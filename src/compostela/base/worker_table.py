"""The memory that worker processes share: a file without a name that the supervisor makes and all map. Imports nothing heavy.

It has three parts. Each worker writes only in its own places, so no part needs a lock:

- turns, eight octets a process: how many connections it has, or `ABSENT` if it accepts none;
- presence, eight octets a process: 1 while its counts are true;
- counts, `COUNTS_OCTETS` a process: its connections by server and address. See `compostela.adapters.shared_counters.connection_counts`.
"""

import os
import struct

MAX_WORKERS = 64
"""Of one server."""
MAX_PROCESSES = 2 * MAX_WORKERS + 1
"""Places in the table: workers that end while others begin included. Numbers begin with 1."""
TURNS_OCTETS = 8 * MAX_PROCESSES
ABSENT = 2**62
"""In the place of a process that accepts nothing: more than any process has."""
PRESENCE_AT = 2048
COUNTS_AT = 65536
"""A multiple of any page's length, so that the parts can be mapped alone."""
COUNTS_OCTETS = 2 * 1024 * 1024
"""The kernel gives memory for those pages alone that are written to."""


def make_table() -> int:
    """The descriptor of a new table in which all are absent."""
    descriptor = os.memfd_create("compostela-workers")
    os.ftruncate(descriptor, COUNTS_AT + MAX_PROCESSES * COUNTS_OCTETS)
    os.write(descriptor, struct.pack("q", ABSENT) * MAX_PROCESSES)
    return descriptor


def counts_at(number: int) -> int:
    """Where the counts of a process begin."""
    return COUNTS_AT + number * COUNTS_OCTETS


def mark_absent(table: int, number: int) -> None:
    """After a process has ended without saying so. What it has counted counts no longer."""
    os.pwrite(table, struct.pack("q", ABSENT), 8 * number)
    os.pwrite(table, struct.pack("q", 0), PRESENCE_AT + 8 * number)
