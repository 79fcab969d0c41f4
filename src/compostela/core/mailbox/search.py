"""Searching a mailbox by looking at its messages. Keys that rows can answer are asked first; only messages that are left
then are read."""

import asyncio
from collections.abc import Callable

from compostela.core.mailbox.model import MessageRow, StoredMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.mime.dates import parse as parse_date
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.mime.parameters import get
from compostela.mime.structure import Part, Structure
from compostela.mime.text import decoded_text, html_text
from compostela.model.numbers import MailboxId, Uid
from compostela.model.uid_set import UidSet

BATCH = 50
MAX_SEARCHED_PART_BYTES = 8 * 1024 * 1024
"""Of a longer text part only the beginning is looked at."""

RowTest = Callable[[MessageRow], bool | None]
"""True or False when the row decides, None when the message must be read."""
MessageTest = Callable[[MessageRow, "SearchedMessage"], bool]


class SearchedMessage:
    """A message being searched: decoded text is made when first asked for."""

    def __init__(self, stored: StoredMessage, octets: bytes) -> None:
        self._stored = stored
        self._octets = octets
        self.headers = Headers(stored.content.header)
        self._header_text: str | None = None
        self._body_text: str | None = None

    def values(self, name: bytes) -> list[str]:
        """Decoded values of the fields of this name, case folded."""
        return [decode(value).casefold() for value in self.headers.get_all(name)]

    @property
    def sent_at(self) -> float | None:
        date = self.headers.get(b"Date")
        return None if date is None else parse_date(date)

    @property
    def header_text(self) -> str:
        if self._header_text is None:
            lines = (b"%s: %s" % (field.name, field.value.replace(b"\r\n", b"")) for field in self.headers)
            self._header_text = "\n".join(decode(line) for line in lines).casefold()
        return self._header_text

    @property
    def body_text(self) -> str:
        if self._body_text is None:
            structure = Structure.loads(self._stored.structure)
            texts = [] if structure is None else self._texts(structure.root)
            self._body_text = "\n".join(texts).casefold()
        return self._body_text

    def _texts(self, part: Part) -> list[str]:
        if part.children:
            return [text for child in part.children for text in self._texts(child)]
        if part.type != b"text":
            return []
        start, end = part.body
        octets = self._octets[start : min(end, start + MAX_SEARCHED_PART_BYTES)]
        text = decoded_text(octets, part.encoding, get(part.parameters, b"charset"))
        return [html_text(text) if part.subtype == b"html" else text]


async def search(
    store: MailboxStore, mailbox: MailboxId, uids: UidSet, by_row: RowTest, by_message: MessageTest
) -> list[MessageRow]:
    """The rows of `uids` that match, in UID order."""
    found: list[MessageRow] = []
    async for rows in store.rows(mailbox, uids):
        undecided: list[MessageRow] = []
        verdicts: dict[Uid, bool] = {}
        for row in rows:
            verdict = by_row(row)
            if verdict is None:
                undecided.append(row)
            else:
                verdicts[row.uid] = verdict
        for start in range(0, len(undecided), BATCH):
            await _read(store, mailbox, undecided[start : start + BATCH], by_message, verdicts)
        found += [row for row in rows if verdicts.get(row.uid)]
        await asyncio.sleep(0)
    return found


async def _read(
    store: MailboxStore,
    mailbox: MailboxId,
    rows: list[MessageRow],
    by_message: MessageTest,
    verdicts: dict[Uid, bool],
) -> None:
    messages = await store.messages(mailbox, [row.uid for row in rows])
    loaded = [
        (row, SearchedMessage(messages[row.uid], await messages[row.uid].content.body.read()))
        for row in rows
        if row.uid in messages
    ]

    def test() -> None:
        for row, message in loaded:
            verdicts[row.uid] = by_message(row, message)

    await asyncio.to_thread(test)
