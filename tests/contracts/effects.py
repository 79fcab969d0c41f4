"""How the keys of effects live in all stores together. A subclass gives the fixtures `queues`, `repositories`,
`mailboxes`, `blobs`, `stored_octets` and `remembered_effects`, which tells how many keys the store keeps."""

import asyncio
from collections.abc import Awaitable, Callable

from compostela.core.blob.model import CHUNK_BYTES, MessageContent
from compostela.core.blob.ports import BlobStore
from compostela.core.idempotency import Effect
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.queue.ports import MailQueues, QueueItem
from compostela.core.repository.ports import MailRepositoryStore, RepositoryUrl
from compostela.model.numbers import EffectKey, EntryId
from tests.contracts.blobs import octets, spilled
from tests.contracts.fakes import a_mail
from tests.contracts.mailbox_messages import StoredOctets
from tests.contracts.mailbox_parts import DATE, a_mailbox, message, octets_of, uids_of

RememberedEffects = Callable[[], Awaitable[int]]

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

    async def test_nothing_of_an_entry_that_was_deleted_in_work_stays(
        self, queues: MailQueues, mailboxes: MailboxStore, remembered_effects: RememberedEffects
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        spool = queues.queue("spool")
        for number in range(2):
            await spool.enqueue(a_mail(str(number)))
        items = [await spool.dequeue() for _ in range(2)]
        await spool.delete()
        for item in items:
            await mailboxes.append(mailbox, [message()], Effect(item.entry, EffectKey("key")))
        assert await remembered_effects() == 2
        await items[0].done()
        await items[1].retry(items[1].mail)
        assert await remembered_effects() == 0

    async def test_a_body_goes_from_store_to_store_without_being_copied(
        self,
        queues: MailQueues,
        repositories: MailRepositoryStore,
        mailboxes: MailboxStore,
        blobs: BlobStore,
        stored_octets: StoredOctets,
    ) -> None:
        data = octets(2 * CHUNK_BYTES)
        mailbox, repository = await a_mailbox(mailboxes), await repositories.select(ERROR)
        spool = queues.queue("spool")
        before = await stored_octets()
        mail = a_mail()
        mail.content = MessageContent(b"Subject: large\r\n\r\n", await spilled(blobs, data))
        await spool.enqueue(mail)
        del mail
        item = await spool.dequeue()
        item.mail.content = item.mail.content.with_header(b"Subject: other\r\n\r\n")
        await item.retry(item.mail)
        item = await spool.dequeue()
        await mailboxes.append(mailbox, [NewMessage(item.mail.content, b"", DATE)])
        await repository.store(item.mail)
        await item.done()
        stored = await repository.retrieve("mail1")
        assert stored is not None
        assert await stored.content.read() == b"Subject: other\r\n\r\n" + data
        assert await octets_of(mailboxes, mailbox, 1) == b"Subject: other\r\n\r\n" + data
        assert len(data) <= await stored_octets() - before < 1.1 * len(data)

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
