"""Notes what happens to mails, cheaply: events wait in memory and are written together."""

import asyncio
import logging
from collections.abc import Sequence
from functools import lru_cache

from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import CompostelaError
from compostela.base.metrics import counter
from compostela.core.mail.model import Mail
from compostela.core.tracing.ports import TraceBatch, TraceEvent, TraceStore
from compostela.model.mail_address import MailAddress

_log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
MAX_PENDING = 20_000
"""Events that wait to be written; others are dropped, and counted."""
WRITTEN_AT_ONCE = 200
"""Mails of one write: it must not hold up the event loop."""
MAX_RECIPIENTS = 100
"""Of one event."""
MAX_DETAIL_CHARACTERS = 1000
"""Of one item of detail."""

_dropped = counter("droppedTraceEvents", "Events of mails that were not recorded")


@lru_cache(maxsize=1024)
def accepted_name(name: str) -> str:
    """The name under which a mail was accepted, of one of its parts: parts add words after a hyphen."""
    return "-".join(name.split("-", 2)[:2])


class Tracer:
    """Events of this process. A crash loses those of the last second."""

    def __init__(self, store: TraceStore, clock: Clock, kept_seconds: float, max_bytes: int) -> None:
        """With `kept_seconds` or `max_bytes` 0 nothing is recorded."""
        self.store = store
        self._clock = clock
        self._kept_seconds = kept_seconds
        self._max_bytes = max_bytes
        self.is_on = kept_seconds > 0 and max_bytes > 0
        self._pending: dict[tuple[str, str], list[TraceEvent]] = {}
        """By trace and the name under which the mail was accepted."""
        self._pending_count = 0
        self._complaints = Complaints(_log, clock)

    def note(
        self,
        mail: Mail,
        what: str,
        place: str = "",
        by: str = "",
        recipients: Sequence[MailAddress] = (),
        detail: Sequence[str] = (),
        at: float | None = None,
    ) -> None:
        """Takes the values as they are now. `at` is epoch seconds, now if it is not given."""
        if not self.is_on:
            return
        if self._pending_count >= MAX_PENDING:
            _dropped.inc()
            return
        self._pending_count += 1
        event = TraceEvent(
            self._clock.now() if at is None else at,
            mail.name,
            what,
            place,
            by,
            tuple(map(str, recipients[:MAX_RECIPIENTS])),
            tuple([one[:MAX_DETAIL_CHARACTERS] for one in detail]),
        )
        key = (mail.trace_id, accepted_name(mail.name))
        events = self._pending.get(key)
        if events is None:
            self._pending[key] = [event]
        else:
            events.append(event)

    def note_arrival(self, mail: Mail) -> None:
        """That a mail came, at its time."""
        came = f"from the host {mail.remote_host} [{mail.remote_address}]"
        detail = (f"from {mail.sender or '<>'}", came, f"{mail.size} octets")
        self.note(mail, "arrived", mail.state, "", mail.recipients, detail, at=mail.arrived_at)

    async def flush(self) -> None:
        """Writes what was noted. What cannot be written is dropped, counted and logged."""
        pending, self._pending, self._pending_count = self._pending, {}, 0
        batches = [TraceBatch(trace, name, events) for (trace, name), events in pending.items()]
        for start in range(0, len(batches), WRITTEN_AT_ONCE):
            some = batches[start : start + WRITTEN_AT_ONCE]
            try:
                now = self._clock.now()
                await self.store.add(some, now, now + self._kept_seconds, self._max_bytes)
            except CompostelaError as error:
                _dropped.inc(sum(len(batch.events) for batch in some))
                self._complaints.error("what happened to mails cannot be recorded", error)

    async def read(self, id: str) -> list[TraceEvent]:
        """See `TraceStore.read`: with what this process has noted until now. Raises `TemporaryFailure`."""
        await self.flush()
        return await self.store.read(id)

    async def keep_flushing(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()
