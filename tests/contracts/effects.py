"""How the keys of effects live in all stores together. A subclass gives the fixtures `queues`, `repositories`,
`mailboxes`, `blobs`, `stored_octets` and `remembered_effects`, which tells how many keys the store keeps (0 for an edition
whose names make keys needless); `faulty` and `held_writer` of `tests.contracts.distance`, and `held_queues`, the queues whose
writes are held."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.blob.model import CHUNK_BYTES, MessageContent
from compostela.core.blob.ports import BlobStore
from compostela.core.idempotency import Effect
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.queue.ports import MailQueues, QueueItem
from compostela.core.repository.ports import MailRepositoryStore, RepositoryUrl
from compostela.model.numbers import EffectKey, EntryId
from compostela.testing.mails import a_mail
from tests.contracts.blobs import octets, spilled
from tests.contracts.distance import Faulty, HeldWriter
from tests.contracts.mailbox_messages import StoredOctets
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox, message, octets_of, uids_of

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

    async def test_a_run_that_was_believed_dead_changes_nothing_after_done(
        self, queues: MailQueues, repositories: MailRepositoryStore, mailboxes: MailboxStore
    ) -> None:
        mailbox, repository = await a_mailbox(mailboxes), await repositories.select(ERROR)
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        await spool.enqueue(a_mail())

        async def step(number: int, entry: EntryId, who: str) -> None:
            key = Effect(entry, EffectKey(f"root/{number}"))
            if number % 3 == 0:
                await mailboxes.append(mailbox, [message(who.encode())], key)
            elif number % 3 == 1:
                await outgoing.enqueue(a_mail(f"{who}{number}", body=who.encode()), effect=key)
            else:
                await repository.store(a_mail("aside", body=who.encode()), key)

        zombie = await spool.dequeue()
        await step(0, zombie.entry, "zombie")
        await zombie.give_back()
        item = await spool.dequeue()
        for number in range(3):
            await step(number, item.entry, "second")
        await item.done()
        for number in range(6):
            await step(number, zombie.entry, "zombie")
        await zombie.done()
        assert await octets_of(mailboxes, mailbox, 1) == HEADER + b"zombie"
        assert await uids_of(mailboxes, mailbox) == [1]
        assert [mail.name async for mail in outgoing.browse()] == ["second1"]
        stored = await repository.retrieve("aside")
        assert stored is not None
        assert await stored.content.body.read() == b"second"
        assert (await spool.size(), await outgoing.size(), await repository.size()) == (0, 1, 1)

    async def test_the_same_effect_at_once_with_two_mails_leaves_one_of_them_whole(
        self, queues: MailQueues, repositories: MailRepositoryStore, mailboxes: MailboxStore
    ) -> None:
        mailbox, repository = await a_mailbox(mailboxes), await repositories.select(ERROR)
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        entry = await spool.enqueue(a_mail())

        async def run(who: str) -> None:
            mail = a_mail("aside", sender=f"{who}@example.org", body=who.encode())
            mail.content = MessageContent(f"Subject: {who}\r\n\r\n".encode(), mail.content.body)
            await asyncio.gather(
                mailboxes.append(mailbox, [NewMessage(mail.content, b"", DATE)], Effect(entry, EffectKey("a"))),
                outgoing.enqueue(mail, effect=Effect(entry, EffectKey("b"))),
                repository.store(mail, Effect(entry, EffectKey("c"))),
            )

        await asyncio.gather(*(run(f"run{number}") for number in range(4)))
        whole = {f"Subject: run{number}\r\n\r\nrun{number}".encode() for number in range(4)}
        assert await octets_of(mailboxes, mailbox, 1) in whole
        assert (await outgoing.size(), await repository.size()) == (1, 1)
        for mail in ((await outgoing.dequeue()).mail, await repository.retrieve("aside")):
            assert mail is not None
            assert await mail.content.read() in whole
            assert (await mail.content.body.read()).decode() == str(mail.sender).partition("@")[0]

    async def test_what_has_an_unknown_outcome_is_repeated_under_its_key(
        self, queues: MailQueues, repositories: MailRepositoryStore, mailboxes: MailboxStore, faulty: Faulty
    ) -> None:
        mailbox, repository = await a_mailbox(mailboxes), await repositories.select(ERROR)
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        await spool.enqueue(a_mail())
        item = await spool.dequeue()
        keys = [Effect(item.entry, EffectKey(f"root/{n}")) for n in range(3)]
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: mailboxes.append(mailbox, [message()], keys[0]),
            lambda: outgoing.enqueue(a_mail("out"), effect=keys[1]),
            lambda: repository.store(a_mail("aside"), keys[2]),
            item.done,
        ]
        for call in calls:
            for fault in (faulty.refuses, faulty.drops_answers):
                with fault(), pytest.raises(TemporaryFailure):
                    await call()
            with faulty.delays():
                await call()
        assert await uids_of(mailboxes, mailbox) == [1]
        assert (await spool.size(), await outgoing.size(), await repository.size()) == (0, 1, 1)

    async def test_an_unknown_outcome_without_a_key_leaves_either_state_and_right_counts(
        self, queues: MailQueues, repositories: MailRepositoryStore, faulty: Faulty
    ) -> None:
        spool, repository = queues.queue("spool"), await repositories.select(ERROR)
        with faulty.drops_answers():
            for call in (spool.enqueue(a_mail()), repository.store(a_mail())):
                with pytest.raises(TemporaryFailure):
                    await call
        await spool.enqueue(a_mail())
        await repository.store(a_mail())
        assert await spool.size() == len([mail async for mail in spool.browse()]) <= 2
        stored = repository.keys()
        assert await repository.size() == len([key async for key in stored]) == 1

    async def test_effects_that_are_cancelled_happen_once_when_they_are_repeated(
        self, queues: MailQueues, repositories: MailRepositoryStore, mailboxes: MailboxStore
    ) -> None:
        mailbox, repository = await a_mailbox(mailboxes), await repositories.select(ERROR)
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        for rounds in range(8):
            name = f"mail{rounds}"
            await spool.enqueue(a_mail(name))
            item = await spool.dequeue()
            keys = [Effect(item.entry, EffectKey(f"root/{n}")) for n in range(3)]
            calls: list[Callable[[], Awaitable[object]]] = [
                lambda keys=keys: mailboxes.append(mailbox, [message()], keys[0]),  # type: ignore[misc]
                lambda keys=keys, name=name: outgoing.enqueue(a_mail(name), effect=keys[1]),  # type: ignore[misc]
                lambda keys=keys, name=name: repository.store(a_mail(name), keys[2]),  # type: ignore[misc]
                item.done,
            ]
            for call in calls:
                cut_off = asyncio.ensure_future(call())
                for _ in range(rounds):
                    await asyncio.sleep(0)
                cut_off.cancel()
                await asyncio.gather(cut_off, return_exceptions=True)
                await call()
        assert len(await uids_of(mailboxes, mailbox)) == 8
        assert (await spool.size(), await outgoing.size(), await repository.size()) == (0, 8, 8)
        assert len([mail async for mail in outgoing.browse()]) == 8

    async def test_a_write_that_fails_fails_alone(
        self, queues: MailQueues, repositories: MailRepositoryStore, mailboxes: MailboxStore
    ) -> None:
        mailbox, gone = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "gone")
        await mailboxes.delete(gone)
        spool, repository = queues.queue("spool"), await repositories.select(ERROR)
        writes: list[Awaitable[object]] = []
        for number in range(10):
            writes += [
                mailboxes.append(mailbox, [message()]),
                mailboxes.append(gone, [message()]),
                spool.enqueue(a_mail(str(number))),
                repository.store(a_mail(str(number))),
            ]
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert [isinstance(result, NotFound) for result in results] == [False, True, False, False] * 10
        assert not any(isinstance(result, Exception) for result in results[::2])
        assert (len(await uids_of(mailboxes, mailbox)), await spool.size(), await repository.size()) == (10, 10, 10)

    async def test_a_held_effect_is_seen_by_no_one_and_happens_once_when_it_is_released(
        self, queues: MailQueues, held_queues: MailQueues, held_writer: HeldWriter
    ) -> None:
        outgoing = queues.queue("outgoing")
        entry = await queues.queue("spool").enqueue(a_mail())
        key = Effect(entry, EffectKey("out"))
        held_writer.hold()
        held = asyncio.ensure_future(held_queues.queue("outgoing").enqueue(a_mail("held"), effect=key))
        await held_writer.reached()
        await outgoing.enqueue(a_mail("other"), effect=Effect(entry, EffectKey("other")))
        assert [mail.name async for mail in outgoing.browse()] == ["other"]
        await outgoing.enqueue(a_mail("again"), effect=key)
        held_writer.release()
        await held
        assert [mail.name async for mail in outgoing.browse()] == ["other", "again"]
        assert await outgoing.size() == 2

    async def test_a_held_effect_whose_writer_dies_is_done_by_the_next_run(
        self, queues: MailQueues, held_queues: MailQueues, held_writer: HeldWriter
    ) -> None:
        outgoing = queues.queue("outgoing")
        key = Effect(await queues.queue("spool").enqueue(a_mail()), EffectKey("out"))
        held_writer.hold()
        held = asyncio.ensure_future(held_queues.queue("outgoing").enqueue(a_mail("held"), effect=key))
        await held_writer.reached()
        held_writer.kill()
        with pytest.raises(TemporaryFailure):
            await held
        assert await outgoing.size() == 0
        await outgoing.enqueue(a_mail("again"), effect=key)
        assert [mail.name async for mail in outgoing.browse()] == ["again"]

    @pytest.mark.parametrize("target", ["mailbox", "queue"])
    async def test_a_last_effect_happens_once_whatever_happens_before_done(
        self, queues: MailQueues, mailboxes: MailboxStore, target: str
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")

        async def run(item: QueueItem) -> None:
            await outgoing.enqueue(a_mail("before"), effect=Effect(item.entry, EffectKey("before")))
            effect = Effect(item.entry, EffectKey("last"), is_last=True)
            if target == "mailbox":
                await mailboxes.append(mailbox, [message()], effect)
            else:
                await outgoing.enqueue(a_mail("last"), effect=effect)

        async def done(item: QueueItem) -> None:
            await item.done()
            await item.done()

        async def repeated(item: QueueItem) -> None:
            await run(item)
            await item.done()

        async def stopped(item: QueueItem) -> None:
            await item.give_back()

        async def tried_again(item: QueueItem) -> None:
            await item.retry(item.mail)

        ends = (done, repeated, stopped, tried_again)
        for number, end in enumerate(ends):
            await spool.enqueue(a_mail(str(number)))
            item = await spool.dequeue()
            await run(item)
            await end(item)
            # nothing comes again, or what comes again has no second effect
            await spool.enqueue(a_mail("other"))
            while (again := await spool.dequeue()).mail.name != "other":
                assert again.entry == item.entry
                await run(again)
                await again.done()
            await again.done()
        count = len(ends)
        assert await spool.size() == 0
        in_mailbox, in_queue = (count, count) if target == "mailbox" else (0, 2 * count)
        assert len(await uids_of(mailboxes, mailbox)) == in_mailbox
        assert await outgoing.size() == len([mail async for mail in outgoing.browse()]) == in_queue

    async def test_a_last_effect_that_fails_leaves_the_entry(self, queues: MailQueues, mailboxes: MailboxStore) -> None:
        gone = await a_mailbox(mailboxes, "gone")
        await mailboxes.delete(gone)
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        entry = await spool.enqueue(a_mail())
        item = await spool.dequeue()
        with pytest.raises(NotFound):
            await mailboxes.append(gone, [message()], Effect(item.entry, EffectKey("last"), is_last=True))
        await item.retry(item.mail)
        item = await spool.dequeue()
        assert item.entry == entry
        await outgoing.enqueue(a_mail("instead"), effect=Effect(item.entry, EffectKey("instead"), is_last=True))
        await item.done()
        assert (await spool.size(), await outgoing.size()) == (0, 1)

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
        assert await uids_of(mailboxes, mailbox) == [], "a deleted entry has no further effect"
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

    async def test_nothing_of_a_storing_happens_after_the_mail_is_removed(
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
        for key in ("reprocess", "other"):
            await spool.enqueue(a_mail(), effect=Effect(entry, EffectKey(key)))
        assert await spool.size() == 1
