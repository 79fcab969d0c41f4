"""The last effect of a run ends its entry in one transaction."""

from pathlib import Path

import apsw
import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.idempotency import Effect
from compostela.model.numbers import EffectKey
from compostela.testing.mails import a_mail
from tests.contracts.mailbox_parts import a_mailbox, message


@pytest.mark.parametrize("target", ["mailbox", "queue"])
async def test_entry_and_keys_are_gone_before_done(store: EmbeddedStore, tmp_path: Path, target: str) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    spool, outgoing = store.queues.queue("spool"), store.queues.queue("outgoing")
    await spool.enqueue(a_mail())
    item = await spool.dequeue()
    await outgoing.enqueue(a_mail("before"), effect=Effect(item.entry, EffectKey("before")))
    last = Effect(item.entry, EffectKey("last"), is_last=True)
    if target == "mailbox":
        await store.mailboxes.append(mailbox, [message()], last)
    else:
        await outgoing.enqueue(a_mail("last"), effect=last)
    with apsw.Connection(str(tmp_path / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY) as connection:
        assert connection.execute("SELECT count(*) FROM effect").get == 0
        assert connection.execute("SELECT count(*) FROM queue_entry WHERE queue = 'spool'").get == 0
    await item.done()
    assert await spool.size() == 0
