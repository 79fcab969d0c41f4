"""What HTTP peers may not do: take their time with a request, or make it as long as they like.

The library waits for ever for the end of a request or for a peer that reads no answer, and collects header fields of any size. A
hundred silent connections would then be enough to shut out everybody else.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from compostela.web.webadmin.places import Places

MAX_HEAD_BYTES = 64 * 1024
"""A request line with all its header fields."""
READING_SECONDS = 60.0
"""How long a peer may read nothing of an answer."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of incoming requests; 0 for no limit. The handling of a request is not limited; between two requests the library's own
    time-out applies."""

    arrival_seconds: float = 0.0
    """For a whole request, from the connection or from the first octet after another request."""
    request_bytes: int = 0
    """For a whole request, with its body and what follows it."""


UNLIMITED = RequestLimits()
ADMINISTRATORS = RequestLimits(arrival_seconds=60.0)
"""Their requests may be long, but not for ever on the way."""


class LimitedProtocol(HttpToolsProtocol):
    """Breaks off a connection that goes beyond the limits."""

    limits = UNLIMITED
    places: Places
    _stuck: asyncio.TimerHandle | None = None
    _arrival: asyncio.TimerHandle | None = None
    _bytes = 0
    _head = True
    """The head of the request is not complete."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        if self.places.enter(self):
            self._expect()
        else:
            self.transport.abort()

    def give_up(self) -> None:
        """See `Occupant`."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.places.leave(self)
        self._arrived()
        self._moves()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._moves()
        super().resume_writing()

    def on_message_begin(self) -> None:
        # of another request, perhaps in the same octets as the end of the last
        self._expect()
        super().on_message_begin()

    def data_received(self, data: bytes) -> None:
        # line ends before a request begin none, and end the time limit of the library between two
        if self.cycle is not None and self.cycle.response_complete:
            self._expect()
        self._bytes += len(data)
        super().data_received(data)
        limit = MAX_HEAD_BYTES if self._head else self.limits.request_bytes
        if limit and self._bytes > limit:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        self._head = False
        self.places.begin(self)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # of several requests that came together the next one is in work by now
        if self.cycle.response_complete:
            self.places.rest(self)

    def on_message_complete(self) -> None:
        self._bytes, self._head = 0, True
        self._arrived()
        super().on_message_complete()

    def _expect(self) -> None:
        if self._arrival is None and self.limits.arrival_seconds:
            self._arrival = self.loop.call_later(self.limits.arrival_seconds, self.transport.abort)

    def _arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _moves(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


def limited_protocol(limits: RequestLimits, places: Places) -> type[asyncio.Protocol]:
    """The protocol for a listener."""
    return type("Limited", (LimitedProtocol,), {"limits": limits, "places": places})
