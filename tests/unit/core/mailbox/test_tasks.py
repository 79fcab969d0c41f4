"""Clearing a mailbox goes on where it was cut off, and leaves later messages."""

import uuid

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import SystemClock
from compostela.base.errors import NotFound
from compostela.core.mailbox.service import MailboxService
from compostela.core.mailbox.session import MailboxSession
from compostela.core.mailbox.tasks import ClearMailbox, ClearMailboxTask
from compostela.core.tasks.model import TaskState
from compostela.core.tasks.runner import TaskContext
from compostela.model.flags import NO_FLAGS
from compostela.model.numbers import MailboxId
from compostela.testing.clock import START
from tests.contracts.mailbox_parts import a_mailbox, fill, uids_of

ABOUT = {"username": "bob@example.org", "mailboxName": "INBOX"}


@pytest.fixture
def session(store: EmbeddedStore) -> MailboxSession:
    return MailboxService(store.mailboxes, SystemClock()).system


async def save(state: TaskState) -> None:
    return


def context_of(state: TaskState) -> TaskContext:
    return TaskContext(uuid.uuid4(), state, lambda: START, save)


def arguments_of(mailbox: MailboxId) -> ClearMailbox:
    return ClearMailbox(str(mailbox), "bob@example.org", "INBOX")


async def test_a_cut_off_clearing_goes_on(store: EmbeddedStore, session: MailboxSession) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await fill(store.mailboxes, mailbox, *[NO_FLAGS] * 5)
    runner, arguments = ClearMailboxTask(session), arguments_of(mailbox)
    context = context_of(TaskState(None, await runner.describe(arguments), START))
    context.cancel()
    with pytest.raises(Exception, match="cancelled"):
        await runner.run(arguments, context)
    assert await uids_of(store.mailboxes, mailbox) == [1, 2, 3, 4, 5], "its bounds come first"
    await fill(store.mailboxes, mailbox, NO_FLAGS)
    again = context_of(context.state)
    await runner.run(arguments, again)
    assert await uids_of(store.mailboxes, mailbox) == [6]
    assert again.state.information == {**ABOUT, "messagesSuccessCount": 5, "messagesFailCount": 0}
    # the process died before the end was written
    await runner.run(arguments, context_of(again.state))
    assert await uids_of(store.mailboxes, mailbox) == [6]


async def test_an_empty_mailbox_needs_nothing(store: EmbeddedStore, session: MailboxSession) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    runner, arguments = ClearMailboxTask(session), arguments_of(mailbox)
    await runner.run(arguments, context_of(TaskState(None, {}, START)))


async def test_a_mailbox_that_was_made_anew_is_another(store: EmbeddedStore, session: MailboxSession) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await store.mailboxes.delete(mailbox)
    await fill(store.mailboxes, await a_mailbox(store.mailboxes), NO_FLAGS)
    with pytest.raises(NotFound):
        await ClearMailboxTask(session).run(arguments_of(mailbox), context_of(TaskState(None, {}, START)))
