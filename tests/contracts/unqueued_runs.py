"""What is kept of runs over mails that are in no queue. A subclass gives the fixtures `runs`, `runs_elsewhere`, the same as
another process has them, `mailboxes`, `patience` and `remembered_effects`, which tells how many keys the store keeps."""

import asyncio

from compostela.core.mail.ports import UnqueuedRuns
from compostela.core.mailbox.ports import MailboxStore
from tests.contracts.distance import stays_silent
from tests.contracts.effects import RememberedEffects
from tests.contracts.mailbox_parts import a_mailbox, effect, message, uids_of

MARK, OTHER = b"\x01" * 16, b"\x02" * 16


class UnqueuedRunsContract:
    ports = (UnqueuedRuns,)

    async def test_a_run_that_did_not_end_is_taken_up(self, runs: UnqueuedRuns, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        for _ in range(3):
            entry = await runs.entry(MARK)
            await mailboxes.append(mailbox, [message()], effect(entry=entry))
        assert await uids_of(mailboxes, mailbox) == [1]

    async def test_a_run_that_ended_is_not_taken_up(
        self, runs: UnqueuedRuns, mailboxes: MailboxStore, remembered_effects: RememberedEffects
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        for _ in range(3):
            entry = await runs.entry(MARK)
            await mailboxes.append(mailbox, [message()], effect(entry=entry))
            await runs.finish(entry)
        assert await uids_of(mailboxes, mailbox) == [1, 2, 3]
        assert await remembered_effects() == 0, "kept for no longer than an edition says"

    async def test_mails_with_other_marks_have_runs_of_their_own(
        self, runs: UnqueuedRuns, mailboxes: MailboxStore, remembered_effects: RememberedEffects
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        first, second = await runs.entry(MARK), await runs.entry(OTHER)
        for entry in (first, second):
            await mailboxes.append(mailbox, [message()], effect(entry=entry))
        assert await uids_of(mailboxes, mailbox) == [1, 2]
        await runs.finish(first)
        assert await runs.entry(MARK) != first
        assert await runs.entry(OTHER) == second
        assert await remembered_effects() <= 1

    async def test_an_equal_mail_after_a_finished_run_is_a_new_mail(
        self, runs: UnqueuedRuns, mailboxes: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        finished = await runs.entry(MARK)
        await mailboxes.append(mailbox, [message()], effect(entry=finished))
        await runs.finish(finished)
        await mailboxes.append(mailbox, [message()], effect("late", entry=finished))
        assert await uids_of(mailboxes, mailbox) == [1], "what goes on after the end has no effect"
        second = await runs.entry(MARK)
        assert second != finished
        await mailboxes.append(mailbox, [message()], effect(entry=second))
        assert await uids_of(mailboxes, mailbox) == [1, 2]

    async def test_another_process_takes_up_an_interrupted_run(
        self, runs: UnqueuedRuns, runs_elsewhere: UnqueuedRuns
    ) -> None:
        entry = await runs.entry(MARK)
        await runs.interrupt(entry)
        assert await runs_elsewhere.entry(MARK) == entry

    async def test_another_process_waits_for_a_run_that_goes_on(
        self, runs: UnqueuedRuns, runs_elsewhere: UnqueuedRuns, patience: float
    ) -> None:
        entry = await runs.entry(MARK)
        other = asyncio.ensure_future(runs_elsewhere.entry(MARK))
        assert await stays_silent(other, patience or 0.3)
        await runs.finish(entry)
        assert await asyncio.wait_for(other, 20) != entry

    async def test_a_run_without_effects_ends_too(self, runs: UnqueuedRuns) -> None:
        await runs.finish(await runs.entry(MARK))
