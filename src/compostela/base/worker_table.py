"""The table in which worker processes write how many connections they have: eight octets each, in a file that the supervisor makes and
all map. Imports nothing heavy."""

import os
import struct

MAX_WORKERS = 64
"""Of one server."""
MAX_PROCESSES = 2 * MAX_WORKERS + 1
"""Places in the table: workers that end while others begin included. Numbers begin with 1."""
TABLE_OCTETS = 8 * MAX_PROCESSES
ABSENT = 2**62
"""In the place of a process that accepts nothing: more than any process has."""


def make_table() -> int:
    """The descriptor of a new table in which all are absent."""
    descriptor = os.memfd_create("compostela-workers")
    os.write(descriptor, struct.pack("q", ABSENT) * MAX_PROCESSES)
    return descriptor


def mark_absent(table: int, number: int) -> None:
    """After a process has ended without saying so."""
    os.pwrite(table, struct.pack("q", ABSENT), 8 * number)
