"""`python bench/fill.py DATA USER COUNT SIZE`: messages put into a user's INBOX straight through the store, while a server may
be running on the same folder."""

import asyncio
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

from bench import smtp_load  # noqa: E402 - the path comes first
from compostela.adapters.embedded.store import EmbeddedStore  # noqa: E402
from compostela.core.blob.model import MemoryBody, MessageContent  # noqa: E402
from compostela.core.mailbox.model import NewMessage  # noqa: E402
from compostela.mime.headers import header_end  # noqa: E402
from compostela.mime.scanner import describe  # noqa: E402
from compostela.model.mailbox_path import MailboxPath  # noqa: E402
from compostela.model.username import Username  # noqa: E402

TOGETHER = 500
DATE = 1_795_000_000


async def fill(data: Path, user: str, count: int, size: int) -> None:
    store = await EmbeddedStore.open(data)
    path = MailboxPath.inbox(Username.parse(user))
    mailbox = await store.mailboxes.find(path) or await store.mailboxes.create(path)
    for start in range(0, count, TOGETHER):
        await store.mailboxes.append(
            mailbox.id, [_message(size, n) for n in range(start, min(count, start + TOGETHER))]
        )
    await store.close()


def _message(size: int, number: int) -> NewMessage:
    octets = smtp_load.message(size, number)[:-3]
    end = header_end(octets)
    header, body = octets[:end], octets[end:]
    return NewMessage(MessageContent(header, MemoryBody(body)), describe(header, body).dumps(), DATE + number)


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
