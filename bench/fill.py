"""`python -m bench.fill DATA USER COUNT SIZE`: messages of about SIZE octets into a user's INBOX, straight through the store."""

import asyncio
import sys
from pathlib import Path

from bench.messages import Source
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import SystemClock
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.service import MailboxService
from compostela.model.flags import NO_FLAGS, Flags, SystemFlag
from compostela.model.username import Username

BATCH = 500
DATE = 1_795_435_200


async def fill(data: Path, user: Username, count: int, size: int) -> None:
    store = await EmbeddedStore.open(data)
    service = MailboxService(store.mailboxes, SystemClock())
    await service.system.provision(user)
    inbox, source = (await service.system.inbox(user)).id, Source(size, user.value)
    seen = Flags.of(SystemFlag.SEEN)
    for start in range(0, count, BATCH):
        batch = []
        for number in range(start, min(count, start + BATCH)):
            header, _, body = source.next(multipart=number % 3 == 0).partition(b"\r\n\r\n")
            content = MessageContent(header + b"\r\n\r\n", MemoryBody(body))
            structure = await service.structures.of(content)
            batch.append(NewMessage(content, structure, DATE + number, seen if number % 2 else NO_FLAGS))
        await store.mailboxes.append(inbox, batch)
    await store.close()


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), Username.parse(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
