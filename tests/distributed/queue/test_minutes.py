"""Entries are found by the minute in which they were enqueued: none is hidden when a minute is forgotten, whatever the clocks say."""

import pytest

from compostela.adapters.cassandra.queue_minutes import DUE, LINES, SETTLED_SECONDS, SettledMinutes
from compostela.core.queue.ports import MailQueue
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from tests.distributed.queue.kit import QueueNode
from tests.distributed.queue.test_broker_away import taken, wipe_broker


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


async def swept_until_settled(node: QueueNode, clock: FakeClock) -> None:
    clock.advance(3600)
    assert await node.queues.sweep() == 0
    clock.advance(SETTLED_SECONDS)
    assert await node.queues.sweep() == 0
