"""Entries are found by the minute in which they were enqueued: none is hidden when a minute is forgotten, whatever the clocks say."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from compostela.adapters.cassandra import queue_rows
from compostela.adapters.cassandra.queue_minutes import DUE, LINES, NAMED_SECONDS, SETTLED_SECONDS, SettledMinutes
from compostela.adapters.cassandra.session import CassandraSession, Request
from compostela.base.errors import TemporaryFailure
from compostela.core.idempotency import Effect
from compostela.core.queue.ports import MailQueue
from compostela.model.numbers import EffectKey
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from compostela.testing.waiting import eventually
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.queue.kit import SECONDS, QueueNode
from tests.distributed.queue.loss import taken, wipe_broker

ROW, ROW_OF_EFFECT, LINE = "UPDATE queue_entry USING TIMESTAMP 1", "IF revision = null", "SELECT entry FROM queue_line"


class Stop:
    """The next request whose text has these words waits until it is told to go on."""

    def __init__(self, patch: pytest.MonkeyPatch, session: CassandraSession, words: str) -> None:
        self.is_reached = asyncio.Event()
        self.may_go_on = asyncio.Event()
        send: Callable[[Request], Any] = session.send  # Any: the driver's result

        async def stopped(request: Request) -> Any:
            if words in request.statements[0].text and not self.is_reached.is_set():
                self.is_reached.set()
                await self.may_go_on.wait()
            return await send(request)

        patch.setattr(session, "send", stopped)

    async def reached(self) -> None:
        await asyncio.wait_for(self.is_reached.wait(), SECONDS)


async def names(queue: MailQueue) -> list[str]:
    return [mail.name async for mail in queue.browse()]


async def test_a_node_whose_clock_is_behind_goes_on_to_write_into_a_minute_that_was_swept(
    node: QueueNode, node_elsewhere: QueueNode, broker_uri: str, clock: FakeClock
) -> None:
    """To the other node that minute is an hour old, and it is empty."""
    queue = node.queues.queue("spool")
    await queue.enqueue(a_mail("first"))
    assert await taken(node, 1) == {"first"}
    assert await node_elsewhere.queues.sweep() == 0
    await queue.enqueue(a_mail("second"))
    for one in (node, node_elsewhere):
        assert await names(one.queues.queue("spool")) == ["second"]
    await wipe_broker(broker_uri, node, node_elsewhere)
    assert await node_elsewhere.queues.sweep() == 1
    assert await taken(node, 1) == {"second"}


async def test_a_clock_that_was_set_back_comes_to_a_minute_that_was_forgotten(
    node: QueueNode, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = node.queues.queue("spool")
    await queue.enqueue(a_mail("first"))
    assert await taken(node, 1) == {"first"}
    await swept_until_settled(node, clock)
    assert await node.queues.rows.minutes.all("spool", LINES) == []
    passed = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: passed)
    clock.time -= 3600 + SETTLED_SECONDS
    await queue.enqueue(a_mail("second"))
    assert await names(queue) == ["second"]


async def test_a_delay_of_a_node_whose_clock_is_behind_is_seen_in_a_minute_that_was_forgotten(
    node: QueueNode, node_elsewhere: QueueNode, clock: FakeClock
) -> None:
    queue = node.queues.queue("spool")
    await queue.enqueue(a_mail("first"), delay_seconds=1)
    ahead = node_elsewhere.queues.queue("spool")
    assert await ahead.flush() == 1
    clock.advance(SETTLED_SECONDS)
    await ahead.flush()
    assert await node.queues.rows.minutes.all("spool", DUE) == []
    await queue.enqueue(a_mail("second"), delay_seconds=1)
    assert await ahead.flush() == 1


async def test_minutes_are_settled_when_their_youngest_name_is(node: QueueNode, clock: FakeClock) -> None:
    minutes, settled = node.queues.rows.minutes, SettledMinutes(clock)
    for _ in range(3):
        await minutes.name("other", LINES, 7)
        assert settled.of(await minutes.all("other", LINES)) == set()
        clock.advance(SETTLED_SECONDS - 1)
    (minute,) = await minutes.all("other", LINES)
    assert len(minute.names) == 3, "a name is written anew after a minute"
    clock.advance(1)
    assert settled.of([minute]) == {7}
    await minutes.name("other", LINES, 7)
    await minutes.forget("other", LINES, minute)
    assert [one.number for one in await minutes.all("other", LINES)] == [7]


async def test_a_minute_is_written_into_while_it_is_swept(
    node: QueueNode,
    node_elsewhere: QueueNode,
    session: FaultySession,
    session_elsewhere: CassandraSession,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sweeper, whose clock is ahead, sees the line and not yet the row."""
    queue = node.queues.queue("spool")
    await queue.enqueue(a_mail("first"))
    assert await taken(node, 1) == {"first"}
    assert await node_elsewhere.queues.sweep() == 0
    now, passed = clock.now(), clock.monotonic() + SETTLED_SECONDS
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(clock, "monotonic", lambda: passed)
    lines, row = Stop(monkeypatch, session_elsewhere, LINE), Stop(monkeypatch, session, ROW)
    sweeping = asyncio.create_task(node_elsewhere.queues.sweep())
    await lines.reached()
    enqueueing = asyncio.create_task(queue.enqueue(a_mail("second")))
    await row.reached()
    await has_lines(node, 1)
    lines.may_go_on.set()
    assert await sweeping == 0
    row.may_go_on.set()
    await enqueueing
    assert await names(queue) == ["second"]


async def test_a_run_stands_still_before_the_entry_of_an_effect_is_written(
    node: QueueNode, node_elsewhere: QueueNode, session: FaultySession, broker_uri: str, clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its line leads nowhere for a while. A condition whose outcome is unknown may also be carried out by the next that asks."""
    entry = await node.queues.queue("spool").enqueue(a_mail())
    outgoing = node.queues.queue("outgoing")
    row = Stop(monkeypatch, session, ROW_OF_EFFECT)
    enqueueing = asyncio.create_task(outgoing.enqueue(a_mail("out"), effect=Effect(entry, EffectKey("out"))))
    await row.reached()
    await node_elsewhere.queues.queue("outgoing").sweep()
    clock.advance(SETTLED_SECONDS)
    await node_elsewhere.queues.queue("outgoing").sweep()
    row.may_go_on.set()
    await enqueueing
    assert await names(outgoing) == ["out"]
    await wipe_broker(broker_uri, node, node_elsewhere)
    clock.advance(3600)
    assert await node_elsewhere.queues.queue("outgoing").sweep() == 1


async def test_the_line_of_an_effect_that_never_came_is_removed_after_the_longest_run(
    node: QueueNode, session: FaultySession, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = node.queues.queue("spool")
    entry = await queue.enqueue(a_mail())
    with monkeypatch.context() as patch:
        patch.setattr(session, "write_if", refuse)
        with pytest.raises(TemporaryFailure):
            await queue.enqueue(a_mail("out"), effect=Effect(entry, EffectKey("out")))
    assert len(await taken(node, 1)) == 1
    await swept_until_settled(node, clock)
    assert len(await node.queues.rows.minutes.all("spool", LINES)) == 1
    clock.advance(10 * 86400)
    await swept_until_settled(node, clock)
    assert await node.queues.rows.minutes.all("spool", LINES) == []


async def refuse(*_: object) -> None:
    raise TemporaryFailure("refused")


async def test_what_took_too_long_to_be_stored_is_refused_and_does_not_come(
    node: QueueNode, session: FaultySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweeper may have seen the line without the row, and removed it."""
    queue = node.queues.queue("spool")
    monkeypatch.setattr(queue_rows, "WRITE_SECONDS", 0.0)
    with pytest.raises(TemporaryFailure, match="too long"):
        await queue.enqueue(a_mail())
    assert [
        await session.first("SELECT revision FROM queue_entry WHERE entry = ?", one) for one in await lines_of(node)
    ] == [None]
    assert await queue.size() == 0


async def test_a_delay_is_not_dropped_while_its_entry_is_written(
    node: QueueNode, node_elsewhere: QueueNode, session: FaultySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the other node it is due already."""
    row = Stop(monkeypatch, session, ROW)
    enqueueing = asyncio.create_task(node.queues.queue("spool").enqueue(a_mail(), delay_seconds=60))
    await row.reached()
    await has_lines(node, 1)
    ahead = node_elsewhere.queues.queue("spool")
    assert await ahead.flush() == 0
    row.may_go_on.set()
    await enqueueing
    assert await ahead.flush() == 1


async def test_a_process_names_a_minute_once_for_all_that_come_to_it(node: QueueNode, clock: FakeClock) -> None:
    queue, minutes = node.queues.queue("spool"), node.queues.rows.minutes
    delays = [600.0, 1200.0] * 10
    await asyncio.gather(*(queue.enqueue(a_mail(), delay_seconds=delay) for delay in delays))
    for delay in delays:
        await queue.enqueue(a_mail(), delay_seconds=delay)
    assert [len(minute.names) for minute in await minutes.all("spool", DUE)] == [1, 1]
    clock.advance(NAMED_SECONDS + 1)
    await minutes.name("spool", DUE, (await minutes.all("spool", DUE))[0].number)
    assert [len(minute.names) for minute in await minutes.all("spool", DUE)] == [2, 1]


async def has_lines(node: QueueNode, count: int) -> None:
    async def are_there() -> bool | None:
        return len(await lines_of(node)) == count or None

    await eventually(are_there)


async def lines_of(node: QueueNode) -> list[str]:
    rows = node.queues.rows
    minutes = await rows.minutes.all("spool", LINES)
    return [line for minute in minutes for line in await rows.lines("spool", minute.number)]


async def swept_until_settled(node: QueueNode, clock: FakeClock) -> None:
    clock.advance(3600)
    assert await node.queues.sweep() == 0
    clock.advance(SETTLED_SECONDS)
    assert await node.queues.sweep() == 0
