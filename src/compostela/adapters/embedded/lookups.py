"""Answers of the small tables (domains, users, rewriting, which users have a vacation or a Sieve script), remembered until any process
changes one of these tables.

The processes that share a data folder share a mark (see `shared_marks`). A process that changes a table sets a new mark inside
the transaction and again after the commit, before the change is reported as done; a process that remembers an answer remembers
the mark that it read before. So looking an answer up costs no statement, and none outlives a change. Credentials are not
remembered here.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from compostela.adapters.embedded.shared_marks import SharedMark
from compostela.adapters.embedded.writer import Transaction

T = TypeVar("T")

_UNKNOWN = object()

MAX_REMEMBERED = 50_000
"""Beyond it everything is forgotten: the names that a stranger asks for must not fill the memory."""


class Lookups:
    """One object for a process, used on the event loop; `changed` may be called from any thread."""

    def __init__(self, mark: SharedMark) -> None:
        self._mark = mark
        self._known: dict[Hashable, Any] = {}
        self._known_since = b""

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """What `read` gives, from memory when nothing has changed since it was read. `read` has no `await` in it."""
        mark = self._mark.read()
        if mark != self._known_since or len(self._known) > MAX_REMEMBERED:
            self._known.clear()
            self._known_since = mark
        answer: T = self._known.get(key, _UNKNOWN)
        if answer is _UNKNOWN:
            answer = self._known[key] = read()
        return answer

    def changing(self, job: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
        """A job that changes one of these tables: no process remembers what was before it."""

        def marked(tx: Transaction) -> T:
            self.changed()
            # there, not after the call: a caller that is cancelled would not wait for the commit
            tx.after_commit.append(self.changed)
            return job(tx)

        return marked

    def changed(self) -> None:
        """Makes every process forget."""
        self._mark.change()
