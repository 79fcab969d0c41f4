"""What a blob store that is far away keeps to. A subclass gives the fixtures `blobs`, `blobs_elsewhere`, `mailboxes`,
`mailboxes_elsewhere` and `held_mailboxes` (which refer to blobs), `stored_octets`, and `faulty` and `held_writer` of
`tests.contracts.distance`."""

import asyncio

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import CHUNK_BYTES, Body, MessageContent
from compostela.core.blob.ports import BlobStore, Spill
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from tests.contracts.blobs import octets, spilled
from tests.contracts.distance import Eventually, Faulty, HeldWriter, cut_off
from tests.contracts.mailbox_messages import StoredOctets
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox, effect, octets_of, uids, uids_of

DATA = octets(3 * CHUNK_BYTES)


def _with(body: Body) -> list[NewMessage]:
    return [NewMessage(MessageContent(HEADER, body), b"", DATE)]


class BlobDistanceContract:
    ports = (BlobStore, Spill)

    async def test_equal_bodies_of_two_nodes_are_stored_once(
        self,
        blobs: BlobStore,
        blobs_elsewhere: BlobStore,
        mailboxes: MailboxStore,
        mailboxes_elsewhere: MailboxStore,
        stored_octets: StoredOctets,
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        before = await stored_octets()
        await mailboxes.append(mailbox, _with(await spilled(blobs, DATA)))
        await mailboxes_elsewhere.append(mailbox, _with(await spilled(blobs_elsewhere, DATA)))
        assert len(DATA) <= await stored_octets() - before < 1.1 * len(DATA)
        await mailboxes_elsewhere.remove(mailbox, uids(1))
        assert await octets_of(mailboxes, mailbox, 2) == HEADER + DATA
        assert await octets_of(mailboxes_elsewhere, mailbox, 2) == HEADER + DATA

    async def test_a_body_that_is_about_to_be_used_outlives_its_last_user(
        self,
        blobs: BlobStore,
        mailboxes: MailboxStore,
        mailboxes_elsewhere: MailboxStore,
        held_mailboxes: MailboxStore,
        held_writer: HeldWriter,
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, _with(await spilled(blobs, DATA)))
        held_writer.hold()
        held = asyncio.ensure_future(held_mailboxes.append(mailbox, _with(await spilled(blobs, DATA))))
        await held_writer.reached()
        await mailboxes_elsewhere.remove(mailbox, uids(1))
        held_writer.release()
        await held
        assert await octets_of(mailboxes_elsewhere, mailbox, 2) == HEADER + DATA

    async def test_a_body_is_whole_after_an_unknown_outcome(
        self, blobs: BlobStore, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, faulty: Faulty
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        body = await spilled(blobs, DATA)
        for fault in (faulty.refuses, faulty.drops_answers, faulty.drops_answers):
            with fault(), pytest.raises(TemporaryFailure):
                await mailboxes.append(mailbox, _with(body), effect())
        with faulty.delays():
            await mailboxes.append(mailbox, _with(body), effect())
        del body
        assert await uids_of(mailboxes_elsewhere, mailbox) == [1]
        assert await octets_of(mailboxes_elsewhere, mailbox, 1) == HEADER + DATA

    async def test_a_spill_that_is_cancelled_at_any_await_leaves_nothing(
        self,
        blobs: BlobStore,
        mailboxes: MailboxStore,
        stored_octets: StoredOctets,
        eventually: Eventually,
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, _with(await spilled(blobs, DATA)))
        before = await stored_octets()

        async def is_clean() -> bool:
            return await stored_octets() == before

        step, goes_on = 0, True
        while goes_on:
            spill = blobs.spill()
            spill.write(DATA)
            goes_on = await cut_off(spill.finish(), step)
            del spill
            await eventually(is_clean)
            await mailboxes.append(mailbox, _with(await spilled(blobs, DATA)))
            step += 1
            assert await octets_of(mailboxes, mailbox, step + 1) == HEADER + DATA
            before = await stored_octets()
        assert step > 1, "the call was never cancelled"
