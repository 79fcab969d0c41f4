"""What stores of traces keep to. A subclass gives `traces`, and the same as another process or node has it: `traces_elsewhere`."""

import asyncio

from compostela.core.tracing.ports import TraceBatch, TraceEvent, TraceStore
from compostela.testing.clock import START

LATER = START + 1e6
PLENTY = 100_000_000
MAIL = "Mail1800000000000-0123456789ABCDEFGHJKMNPQRS"
PART = f"{MAIL}-to-example.org"


def event(number: float, mail: str = MAIL) -> TraceEvent:
    return TraceEvent(
        START + number, mail, "step", "root", "All -> Null", ("bob@example.org",), ("the header is changed",)
    )


class TraceStoreContract:
    ports = (TraceStore,)

    async def test_events_are_read_by_their_time_whoever_wrote_them(
        self, traces: TraceStore, traces_elsewhere: TraceStore
    ) -> None:
        assert await traces.read("TRACE") == []
        await asyncio.gather(
            traces.add([TraceBatch("TRACE", MAIL, [event(3), event(1)])], START, LATER, PLENTY),
            traces_elsewhere.add([TraceBatch("TRACE", MAIL, [event(2, PART)])], START, LATER, PLENTY),
        )
        for store in (traces, traces_elsewhere):
            assert await store.read("TRACE") == [event(1), event(2, PART), event(3)]

    async def test_a_mail_is_found_by_its_name_and_by_those_of_its_parts(self, traces: TraceStore) -> None:
        await traces.add(
            [TraceBatch("T1", MAIL, [event(1)]), TraceBatch("T1", "Other-1", [event(2, "Other-1")])],
            START,
            LATER,
            PLENTY,
        )
        for name in (MAIL, PART):
            assert await traces.read(name) == [event(1)]
        assert await traces.read("Other-1") == [event(2, "Other-1")]
        assert await traces.read("T1") == [event(1), event(2, "Other-1")]
