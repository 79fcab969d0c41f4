"""Answers that a node remembers for as long as they may be stale."""

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar, cast

from compostela.core.users.ports import STALE_SECONDS

T = TypeVar("T")

MAX_REMEMBERED = 50_000
"""Some 10 MB. The oldest answers are forgotten first."""


class Lookups:
    """Remembers an answer for `stale_seconds` after its read began. A change on this node forgets everything at once, and what
    was read while it was made is not remembered: a node sees its own changes."""

    def __init__(
        self,
        stale_seconds: float = STALE_SECONDS,
        limit: int = MAX_REMEMBERED,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stale_seconds = stale_seconds
        self._limit = limit
        self._now = now
        self._generation = 0
        self._answers: dict[Hashable, tuple[float, object]] = {}

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        began = self._now()
        found = self._answers.get(key)
        if found is not None and found[0] > began:
            return cast("T", found[1])
        generation = self._generation
        answer = await read()
        if generation == self._generation:
            self._answers.pop(key, None)
            while len(self._answers) >= self._limit:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = (began + self._stale_seconds, answer)
        return answer

    def forget(self) -> None:
        """Call it before a change and after it, whatever became of it."""
        self._generation += 1
        self._answers.clear()

    async def changing(self, change: Awaitable[T]) -> T:
        """Carries out a change."""
        self.forget()
        try:
            return await change
        finally:
            self.forget()
