"""FETCH: a short answer is one write, a long one lets other sessions work between its pieces."""

from pathlib import Path

import pytest

from compostela.net.fair_scheduler import FairScheduler
from compostela.net.gathered_replies import GatheredReplies
from compostela.testing.imap_session import MESSAGE, selected
from compostela.testing.server import running


@pytest.mark.parametrize("items", ["FLAGS", "(UID RFC822.SIZE)", "ENVELOPE", "BODY.PEEK[]<0.5>"])
async def test_a_short_fetch_and_its_tagged_end_are_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: str
) -> None:
    flush, writes = GatheredReplies.flush, list[int]()

    def counted(replies: GatheredReplies) -> None:
        if replies.octets:
            writes.append(replies.size_bytes)
        flush(replies)

    async with running(tmp_path) as server, selected(server, MESSAGE, MESSAGE) as c:
        # however busy the machine is, the slice is not over
        monkeypatch.setattr("compostela.net.gathered_replies.SLICE_SECONDS", 3600.0)
        monkeypatch.setattr(GatheredReplies, "flush", counted)
        await c.client(f"a FETCH 1:* {items}")
        await c.until("a OK")
        assert len(writes) == 1


@pytest.mark.parametrize("items", ["FLAGS", "(UID RFC822.SIZE)", "ENVELOPE", "BODY.PEEK[]<0.5>"])
async def test_a_fetch_takes_a_turn_after_its_slice_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: str
) -> None:
    take, turns = FairScheduler.take, list[FairScheduler]()

    async def counted(scheduler: FairScheduler) -> None:
        turns.append(scheduler)
        await take(scheduler)

    async with running(tmp_path) as server, selected(server, MESSAGE, MESSAGE) as c:
        monkeypatch.setattr("compostela.net.gathered_replies.SLICE_SECONDS", 0.0)
        monkeypatch.setattr(FairScheduler, "take", counted)
        await c.client(f"a FETCH 1:* {items}")
        await c.until("a OK")
        assert turns
