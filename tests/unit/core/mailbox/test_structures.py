"""The structure notes: computed once for all deliveries of a body, and right for each."""

from collections.abc import Callable
from typing import TypeVar

from compostela.core.blob.model import MemoryBody, MessageContent, Octets
from compostela.core.mailbox.structures import StructureNotes
from compostela.mime.scanner import describe

T = TypeVar("T")
HEADER = b"Subject: news\r\nTo: ann@example.org\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
TRACE = b"Return-Path: <a@example.net>\r\nDelivered-To: bob@example.org\r\nReceived: from a.example\r\n\tby b.example; now\r\n"


class CountedBody(MemoryBody):
    """Counts how often it is looked at."""

    looks = 0

    async def apply(self, function: Callable[[Octets], T]) -> T:
        self.looks += 1
        return await super().apply(function)


async def test_a_body_is_scanned_once_whatever_the_deliveries_put_on_top() -> None:
    body, notes = CountedBody(b"hello\r\n"), StructureNotes()
    headers = [HEADER, TRACE + HEADER, TRACE.upper() + HEADER, b"Received: one line\r\n" + TRACE + HEADER]
    found = [await notes.of(MessageContent(header, body)) for header in headers]
    assert body.looks == 1
    assert found == [describe(HEADER, b"hello\r\n").dumps()] * len(headers)


async def test_headers_that_differ_below_the_trace_have_notes_of_their_own() -> None:
    body, notes = CountedBody(b"hello\r\n"), StructureNotes()
    other = HEADER.replace(b"news", b"other news")
    assert await notes.of(MessageContent(TRACE + HEADER, body)) != await notes.of(MessageContent(TRACE + other, body))


async def test_a_header_of_trace_fields_alone_is_read_to_its_end() -> None:
    """Without the empty line that ends a header, and with a field that nothing ends."""
    notes = StructureNotes()
    for header in (TRACE, TRACE + b"\r\n", TRACE.removesuffix(b"\n"), b"", b"\r\n", b"no field\r\n\r\n"):
        content = MessageContent(header, MemoryBody(b"hello\r\n"))
        assert await notes.of(content) == describe(header, b"hello\r\n").dumps()
