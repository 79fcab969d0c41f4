"""What is durable is not answered with an error, whatever fails after the commit."""

import pytest

from compostela.adapters.embedded import mailbox_removal
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.ports import MailboxStore
from tests.contracts.mailbox_parts import a_mailbox, message


async def test_what_fails_behind_a_commit_fails_neither_the_write_nor_the_next(store: EmbeddedStore) -> None:
    def fail() -> None:
        raise OSError("on purpose")

    def job(tx: Transaction) -> int:
        tx.after_commit.append(fail)
        return 1

    assert await store._writer.run(job) == 1
    assert await store._writer.run(lambda _: 2) == 2


async def test_a_deleted_mailbox_is_gone_when_its_messages_cannot_be_removed_now(
    store: EmbeddedStore, mailboxes: MailboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(writer: object) -> None:
        raise TemporaryFailure("on purpose")

    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message()] * (mailbox_removal.STEP_ROWS + 1))
    monkeypatch.setattr(mailbox_removal, "purge_deleted", fails)
    await mailboxes.delete(mailbox)
    with pytest.raises(NotFound):
        await mailboxes.head(mailbox)


async def test_an_expunge_reads_nothing_behind_its_last_write(
    mailboxes: MailboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(mailbox: object) -> None:
        raise TemporaryFailure("on purpose")

    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message()])
    monkeypatch.setattr(mailboxes, "head", fails)
    assert not (await mailboxes.expunge(mailbox))[0]
