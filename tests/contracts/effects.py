"""How the keys of effects live in all stores together. A subclass gives the fixtures `queues`, `repositories` and
`mailboxes`."""

import asyncio

from compostela.core.mail.effects import Effect
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.queue.ports import MailQueues, QueueItem
from compostela.core.repository.ports import MailRepositoryStore, RepositoryUrl
from compostela.model.numbers import EffectKey, EntryId
from tests.contracts.fakes import a_mail
from tests.contracts.mailbox_parts import a_mailbox, message, uids_of

ERROR = RepositoryUrl.parse("file://var/mail/error/")


class EffectsContract:
    ports = (MailboxStore, MailQueues, QueueItem, MailRepositoryStore)

    async def test_a_run_that_is_cut_off_and_done_again_has_each_effect_once(
        self, queues: MailQueues, repositories: MailRepositoryStore, mailboxes: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        repository = await repositories.select(ERROR)
        entry = await spool.enqueue(a_mail())

        async def run(effects: int) -> QueueItem:
            item = await spool.dequeue()
            assert item.entry == entry
            keys = [Effect(item.entry, EffectKey(f"root/{n}")) for n in range(3)]
            if effects > 0:
                await mailboxes.append(mailbox, [message()], keys[0])
            if effects > 1:
                await outgoing.enqueue(a_mail("out"), effect=keys[1])
            if effects > 2:
                await repository.store(a_mail("aside"), keys[2])
            return item

        for effects in (0, 1, 2, 3, 3):
            item = await run(effects)
            await item.retry(item.mail)
        await (await run(3)).done()
        assert await uids_of(mailboxes, mailbox) == [1]
        assert (await spool.size(), await outgoing.size(), await repository.size()) == (0, 1, 1)

    async def test_equal_keys_of_two_entries_are_two_effects(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        key = EffectKey("transport/LocalDelivery")
        await asyncio.gather(
            *(mailboxes.append(mailbox, [message()], Effect(EntryId(f"entry{n % 4}"), key)) for n in range(12))
        )
        assert len(await uids_of(mailboxes, mailbox)) == 4

    async def test_keys_go_with_their_entry(self, queues: MailQueues, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        spool = queues.queue("spool")
        key = Effect(await spool.enqueue(a_mail()), EffectKey("key"))
        await mailboxes.append(mailbox, [message()], key)
        await (await spool.dequeue()).done()
        await mailboxes.append(mailbox, [message()], key)
        assert len(await uids_of(mailboxes, mailbox)) == 2

    async def test_keys_of_a_storing_go_when_the_mail_is_removed(
        self, queues: MailQueues, repositories: MailRepositoryStore
    ) -> None:
        repository, spool = await repositories.select(ERROR), queues.queue("spool")
        await repository.store(a_mail())
        entry = await repository.entry("mail1")
        assert entry is not None
        for _ in range(2):
            await spool.enqueue(a_mail(), effect=Effect(entry, EffectKey("reprocess")))
        assert await spool.size() == 1
        assert await repository.remove("mail1", entry)
        await spool.enqueue(a_mail(), effect=Effect(entry, EffectKey("reprocess")))
        assert await spool.size() == 2
