"""How long change logs are kept: the oldest entries go in steps that hold up no other write.

Entries that a listener group has not passed are kept longer, up to a time and a size; a group that is left below the floor finds
that its cursor is no longer in the log.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.listener_holds import HELD_BYTES, HELD_SECONDS
from compostela.adapters.embedded.listener_rows import SLOWEST, TREE_PREFIX
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer

KEPT_CHANGES = 50_000
"""The latest changes that a mailbox or a tree keeps, however old they are."""
KEPT_SECONDS = 30 * 86400
"""Younger changes are kept, however many they are."""
STEP_ROWS = 500
ENTRY_BYTES = 100
"""What an entry takes on the disk, about."""


class _Log:
    """The statements for one of the two logs. `key` is the column that names the aggregate."""

    def __init__(self, table: str, key: str, heads: str, head_key: str, listened: str) -> None:
        self.next_key = f"SELECT {key} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT 1"
        self.newest = f"SELECT modseq FROM {table} WHERE {key} = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?"
        self.oldest = f"SELECT max(modseq) FROM {table} WHERE {key} = ? AND modseq <= ? AND changed_at < ?"
        self.count = f"SELECT count(*) FROM {table} WHERE {key} = ? AND modseq > ? AND modseq <= ?"
        self.is_living = f"SELECT 1 FROM {heads} WHERE {head_key} = ?"
        self.slowest = SLOWEST.format(log=listened)
        self.step = f"SELECT modseq FROM {table} WHERE {key} = ? AND modseq <= ? ORDER BY modseq LIMIT 1 OFFSET ?"
        self.cut = f"DELETE FROM {table} WHERE {key} = ? AND modseq <= ?"
        self.raise_floor = f"UPDATE {heads} SET log_floor = max(log_floor, ?) WHERE {head_key} = ?"


_MAILBOXES = (_Log("mailbox_log", "mailbox", "mailbox", "id", "?1"), 0)
_TREES = (_Log("tree_log", "user", "tree", "user", f"'{TREE_PREFIX}' || ?1"), "")


class _Excess(NamedTuple):
    """A log with entries that are not kept for clients: those up to `until`, of which those up to `passed` may go, and
    the `held` others are kept for a listener group."""

    key: int | str
    passed: int
    until: int
    held: int


async def trim_logs(
    writer: Writer,
    reader: Reader,
    now: float,
    changes: int = KEPT_CHANGES,
    seconds: float = KEPT_SECONDS,
    held_seconds: float = HELD_SECONDS,
    held_bytes: int = HELD_BYTES,
) -> None:
    """Cut every log: entries go that are older than `seconds` and not among the latest `changes`, and that all listener groups
    have passed or that are older by `held_seconds` more. If the others that are kept for groups are more than `held_bytes`, those
    of the logs with most of them go. `now` in epoch seconds. Logs of deleted mailboxes go with the mailboxes."""
    room = held_bytes // ENTRY_BYTES
    for log, first in (_MAILBOXES, _TREES):

        def find(execute: Execute, log: _Log = log, first: int | str = first) -> list[_Excess]:
            return list(_long_logs(execute, log, first, changes, now - seconds, held_seconds))

        for one in sorted(await reader.scan(find), key=lambda one: one.held):
            room -= one.held
            until = one.passed if room >= 0 else one.until
            while until and await writer.run(partial(_cut, log=log, key=one.key, until=until), is_long=True):
                pass


def _long_logs(
    execute: Execute, log: _Log, first: int | str, changes: int, before: float, held_seconds: float
) -> Iterator[_Excess]:
    key = first
    while (row := execute(log.next_key, (key,)).fetchone()) is not None:
        key = row[0]
        newest = execute(log.newest, (key, changes)).fetchone()
        if newest is None or execute(log.is_living, (key,)).fetchone() is None:
            continue
        until = execute(log.oldest, (key, newest[0], before)).fetchone()[0]
        if until is None:
            continue
        slowest = execute(log.slowest, (key,)).fetchone()[0]
        passed = until
        if slowest is not None and slowest < until:
            passed = max(slowest, execute(log.oldest, (key, newest[0], before - held_seconds)).fetchone()[0] or 0)
        held = execute(log.count, (key, passed, until)).fetchone()[0] if passed < until else 0
        yield _Excess(key, passed, until, held)


def _cut(tx: Transaction, log: _Log, key: int | str, until: int) -> bool:
    """One step; False after the last. The floor rises with the entries that go."""
    row = tx.execute(log.step, (key, until, STEP_ROWS)).fetchone()
    end = until if row is None else row[0]
    tx.execute(log.cut, (key, end))
    tx.execute(log.raise_floor, (end, key))
    return row is not None
