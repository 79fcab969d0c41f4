"""A page of a log, as the ports show it, from rows of the log."""

from collections.abc import AsyncIterator, Callable

from compostela.adapters.cassandra.mailbox_states import HistoryRow
from compostela.core.mailbox.log import LogEntry, LogPage
from compostela.core.mailbox.log_and_pages.entries import decode_images, log_entries
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.model.numbers import ModSeq

History = Callable[[int], AsyncIterator[list[HistoryRow]]]
"""Rows after a ModSeq and up to that of the head."""


async def log_page(head: Head, since: ModSeq, limit: int, history: History) -> LogPage:
    """Raises `Restart` when rows went while they were read."""
    if since >= head.modseq:
        return LogPage(head.outside(), [], ModSeq(head.modseq))
    if since < head.kept_from:
        return LogPage(head.outside(), [], since, complete=False)
    told: list[LogEntry] = []
    until = since
    async for rows in history(since):
        for entries, images in rows:
            for entry, image in zip(entries, decode_images(images, len(entries)), strict=True):
                if entry.modseq <= since:
                    continue
                more = log_entries(entry, image)
                if told and len(told) + len(more) > limit:
                    return LogPage(head.outside(), told, until)
                told += more
                until = ModSeq(entry.modseq)
    # the first ModSeq of a mailbox is that of no change
    return LogPage(head.outside(), told, ModSeq(head.modseq))
