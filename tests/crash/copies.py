"""Mails that a next hop got more than once, and whether that could have been avoided.

SMTP has no way out if the server dies after the next hop's 250 and before its own note of it: it must send the mail again (RFC 5321
§6.1, §4.5.4). A copy is of this kind if its mail was still in the outgoing queue when the server was killed, in the life that sent the copy
before, and the 250 came at most `NOTE_SECONDS` before the kill. Every other second copy is a fault.
"""

import asyncio
import re
import shutil
import tempfile
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import apsw

from tests.contracts.next_hop import Peer

NOTE_SECONDS = 1.0
"""A server that has had the 250 for longer than this should have noted it, on a busy machine too (5 ms at most were measured)."""
_MARK = re.compile(rb"^X-Mark: (\S+)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Copy:
    """A mail as a next hop got it. Times are of the monotonic clock."""

    mark: str
    connected_at: float
    answered_at: float


@dataclass
class NotingPeer(Peer):
    """A next hop that takes everything and notes when."""

    copies: list[Copy] = field(default_factory=list)
    _connected_at: dict[asyncio.StreamReader, float] = field(default_factory=dict)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected_at[reader] = time.monotonic()
        try:
            await super()._talk(reader, writer)
        finally:
            del self._connected_at[reader]

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        """The 250 follows at once."""
        data = await super()._message(reader)
        if (found := _MARK.search(data)) is not None:
            self.copies.append(Copy(found[1].decode(), self._connected_at[reader], time.monotonic()))
        return data


@dataclass(slots=True)
class Life:
    """The server between a start and its end. The times are of the monotonic clock."""

    started_at: float
    killed_at: float | None = None
    """Before the kill; None if it ended in good order."""
    waiting: Collection[tuple[str, str]] = ()
    """Recipients (mark and host) that the outgoing queues still had after the kill."""


@dataclass
class Repeats:
    """Of all next hops together."""

    unavoidable: int = 0
    longest_note_seconds: float = 0.0
    """From a 250 to the kill that came before the note of it."""
    faults: list[str] = field(default_factory=list)


def repeats(copies: Iterable[tuple[str, Copy]], lives: Sequence[Life]) -> Repeats:
    """Judges each copy that is followed by another one of its mail; `copies` come with the host that got them."""
    found, by_recipient = Repeats(), defaultdict(list)
    for host, copy in copies:
        by_recipient[host, copy.mark].append(copy)
    for (host, mark), of_one in by_recipient.items():
        of_one.sort(key=lambda one: one.answered_at)
        for earlier, later in pairwise(of_one):
            life, next_life = (_life_of(one, lives) for one in (earlier, later))
            if (fault := _fault(lives[life], (mark, host), earlier, is_same=life == next_life)) is not None:
                found.faults.append(f"{mark} to {host}: {fault}")
            else:
                found.unavoidable += 1
                seconds = (lives[life].killed_at or 0.0) - earlier.answered_at
                found.longest_note_seconds = max(found.longest_note_seconds, seconds)
    return found


def _life_of(copy: Copy, lives: Sequence[Life]) -> int:
    """By the start of its connection: the next hop may answer after the server's death."""
    return bisect_right(lives, copy.connected_at, key=lambda one: one.started_at) - 1


def _fault(life: Life, recipient: tuple[str, str], copy: Copy, *, is_same: bool) -> str | None:
    if is_same:
        return "sent again in the same life"
    if life.killed_at is None:
        return "sent again after a stop in good order"
    if recipient not in life.waiting:
        return "sent again, though it was noted as sent before the kill"
    seconds = life.killed_at - copy.answered_at
    return f"not noted {seconds:.3f} s after the 250" if seconds > NOTE_SECONDS else None


def waiting_recipients(database: Path, hosts: Sequence[str]) -> set[tuple[str, str]]:
    """Mark and host of each recipient in the queues `to-HOST` of a server that was killed. Reads a copy of its database: the next start
    must find the write-ahead log as the kill left it."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            path = database.with_name(database.name + suffix)
            if path.exists():
                shutil.copy(path, folder)
        connection = apsw.Connection(str(Path(folder) / database.name))
        rows = connection.execute("SELECT queue, recipients FROM queue_entry").fetchall()
        connection.close()
    found = [
        (queue.removeprefix("to-"), address.rpartition("@")) for queue, text in rows for address in text.split("\n")
    ]
    return {(mark, host) for queue, (mark, _, host) in found if queue == host in hosts}
