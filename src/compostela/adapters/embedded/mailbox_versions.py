"""The highest ModSeqs of mailboxes, by their topics: see `signals`."""

from collections.abc import Sequence
from typing import Any

import orjson

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.signals import MAILBOX_TOPIC

_LIST = "SELECT id, highest_modseq FROM mailbox WHERE id IN (SELECT value FROM json_each(?))"
_SUM = "SELECT count(*), sum(highest_modseq) FROM mailbox WHERE id IN (SELECT value FROM json_each(?))"


class MailboxVersions:
    """A `signals.Versions`."""

    def __init__(self, execute: Execute, names: Names) -> None:
        self._execute = execute
        self._names = names
        self._topics: list[str] = []
        self._by_row: dict[int, str] = {}
        self._rows = b"[]"
        self._sum: Any = None
        self._found: dict[str, int] = {}

    def of(self, topics: Sequence[str]) -> dict[str, int]:
        by_row = self._named(topics)
        return {by_row[row]: modseq for row, modseq in self._execute(_LIST, (orjson.dumps(list(by_row)),)).fetchall()}

    def of_watched(self, topics: list[str]) -> dict[str, int]:
        if topics != self._topics:
            self._by_row = self._named(topics)
            self._topics, self._rows, self._sum = topics, orjson.dumps(list(self._by_row)), None
        # a ModSeq only grows, and a mailbox that is gone does not come back: as long as both sums are the same, all are
        told = self._execute(_SUM, (self._rows,)).fetchone()
        if told != self._sum:
            rows = self._execute(_LIST, (self._rows,)).fetchall()
            self._found = {self._by_row[row]: modseq for row, modseq in rows}
            self._sum = (len(rows), sum(modseq for _, modseq in rows) if rows else None)
        return self._found

    def _named(self, topics: Sequence[str]) -> dict[int, str]:
        return {self._names.row(topic.removeprefix(MAILBOX_TOPIC)): topic for topic in topics}
