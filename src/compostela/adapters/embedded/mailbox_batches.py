"""Rows of a mailbox, batch by batch."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.reader import Reader

T = TypeVar("T")

BATCH_ROWS = 1000


class Batches(Generic[T]):
    """Rows whose first column is the UID, in UID order; only batches with rows. `statement` takes a mailbox, a first and a last UID and a
    number of rows; `make` makes of the rows what is given. Unless it `is_short`, this happens on a thread.

    A class, because the event loop keeps an account of each asynchronous generator, which costs more than a short reading."""

    __slots__ = ("_after", "_at", "_is_short", "_mailbox", "_make", "_on_loop", "_ranges", "_reader", "_statement")

    def __init__(
        self,
        reader: Reader,
        statement: str,
        mailbox: int,
        ranges: Sequence[tuple[int, int]],
        make: Callable[[list[Any]], list[T]],
        is_short: Callable[[], Awaitable[bool]],
    ) -> None:
        self._reader = reader
        self._statement = statement
        self._mailbox = mailbox
        self._ranges = ranges
        self._make = make
        self._is_short = is_short
        self._on_loop: bool | None = None
        self._at = 0
        """The range that is read."""
        self._after = 0
        """The last UID that was read in it."""

    def __aiter__(self) -> "Batches[T]":
        return self

    async def __anext__(self) -> list[T]:
        if self._on_loop is None:
            self._on_loop = await self._is_short()
        while self._at < len(self._ranges):
            batch = self._read(self._reader.execute) if self._on_loop else await self._reader.scan(self._read)
            if batch:
                return batch
        raise StopAsyncIteration

    def _read(self, execute: Execute) -> list[T]:
        rows: list[Any] = []
        while self._at < len(self._ranges):
            first, last = self._ranges[self._at]
            values = (self._mailbox, max(first, self._after + 1), last, BATCH_ROWS - len(rows))
            rows += execute(self._statement, values).fetchall()
            if len(rows) == BATCH_ROWS:
                self._after = rows[-1][0]
                break
            self._at += 1
        return self._make(rows)
