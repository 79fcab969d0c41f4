"""Searching a mailbox by looking at its messages. What rows can answer is asked first; of the messages that are left the header
blocks are read, and bodies only when something in them is asked for."""

import asyncio
import enum
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from compostela.core.mailbox.model import FlagsRow, MessageRow, StoredMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.mime import addresses, parameters
from compostela.mime.dates import parse_day
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, header_end, unfold, values
from compostela.mime.scanner import describe
from compostela.mime.structure import Part, Structure
from compostela.mime.text import decoded_octets, decoded_text, html_text
from compostela.model.numbers import MailboxId, ModSeq, Uid
from compostela.model.uid_set import UidSet

MESSAGE_BATCH = 50
MESSAGE_BATCH_BYTES = 8 * 1024 * 1024
"""Of the messages that are in memory at once, unless one alone is longer."""
ON_LOOP = 100
"""So many header blocks are looked at on the loop, more on a thread."""
MAX_SEARCHED_PART_BYTES = 8 * 1024 * 1024
"""Of a longer text part only the beginning is looked at."""

MAX_UNPACKED = 4
"""So many encoded messages, one in another, are opened."""
_ADDRESS_FIELDS = frozenset({b"FROM", b"TO", b"CC", b"BCC", b"SENDER", b"REPLY-TO"})
_UNUSUAL_ADDRESS = re.compile(rb'[(\\]|"[ \t]*@|[ \t][@.]|[@.][ \t]')
_WHITE = re.compile(r"[ \t\r\n]+")


class Look(enum.IntEnum):
    """What a query needs of a message, each with all before it."""

    FLAGS = 0
    ROW = 1
    HEADER = 2
    BODY = 3


class Needle:
    """A text to be found in any case (RFC 3501 §6.4.4: a substring)."""

    __slots__ = ("_pieces", "in_header", "text")

    def __init__(self, text: str) -> None:
        self.text = text.casefold()
        self.in_header = _WHITE.sub(" ", self.text)
        # a folded field has other white space between them, an address may have comments
        self._pieces = [piece.encode() for piece in re.split(r"[\s@.]+", self.text) if piece.isascii()]

    def may_be_in(self, lowered: bytes) -> bool:
        """Whether it could be in plain header lines."""
        return all(piece in lowered for piece in self._pieces)


class SearchedMessage:
    """A message being searched: decoded text is made when first asked for."""

    def __init__(self, header: bytes, structure: bytes = b"", body: bytes = b"") -> None:
        self._header = header
        self._structure = structure
        self._body = body
        self._headers: Headers | None = None
        self._lowered: bytes | None = None
        self._header_text: str | None = None
        self._body_text: str | None = None

    @property
    def headers(self) -> Headers:
        if self._headers is None:
            self._headers = Headers(self._header)
        return self._headers

    def has_in_field(self, name: bytes, needle: Needle) -> bool:
        """Whether a field of this name contains it."""
        if self._lowered is None:
            is_plain = self._header.isascii() and b"=?" not in self._header
            self._lowered = self._header.lower() if is_plain else b""
        if self._lowered and not needle.may_be_in(self._lowered):
            return False
        found = values(self._header, name)
        if any(needle.in_header in _header_line(value) for value in found):
            return True
        return name.upper() in _ADDRESS_FIELDS and any(
            needle.in_header in _as_mailboxes(value) for value in found if _UNUSUAL_ADDRESS.search(value)
        )

    @property
    def sent_on(self) -> int | None:
        """Midnight of the day that the Date field names, in its own zone (RFC 3501 §6.4.4)."""
        date = self.headers.get(b"Date")
        return None if date is None else parse_day(date)

    @property
    def header_text(self) -> str:
        if self._header_text is None:
            self._header_text = _header_lines(self.headers)
        return self._header_text

    @property
    def body_text(self) -> str:
        if self._body_text is None:
            structure = Structure.loads(self._structure) or describe(self._header, self._body)
            self._body_text = "\n".join(_texts(structure.root, self._header, self._body, MAX_UNPACKED)).casefold()
        return self._body_text


def _header_line(value: bytes) -> str:
    """An unfolded value as it is compared: decoded, in one case, with one blank for any white space."""
    text = decode(value).casefold()
    return _WHITE.sub(" ", text) if "\t" in text or "  " in text else text


def _header_lines(headers: Headers) -> str:
    return "\n".join(_header_line(b"%s: %s" % (field.name, unfold(field.value))) for field in headers)


def _as_mailboxes(value: bytes) -> str:
    """Addresses as the envelope tells them, without comments and blanks inside."""
    found = (one for one in addresses.parse(value) if one.is_mailbox)
    return "\n".join(f"{_header_line(one.name or b'')} <{one.text().casefold()}>" for one in found)


def _texts(part: Part, header: bytes, body: bytes, unpacked: int) -> list[str]:
    """What a reader sees of the parts, and their header fields (RFC 3501 §6.4.4: the body of the message holds them too).
    `header` is that of the message around `body`, whose fields are not repeated."""
    start, end = part.body
    texts = []
    own = header if part.header == (0, 0) else body[slice(*part.header)]
    if own is not header:
        texts.append(_header_lines(Headers(own)))
    texts += parameters.texts(part.parameters) + parameters.texts(part.disposition_parameters)
    if part.children:
        return texts + [text for child in part.children for text in _texts(child, header, body, unpacked)]
    octets = body[start : min(end, start + MAX_SEARCHED_PART_BYTES)]
    if part.type == b"text":
        text = decoded_text(octets, part.encoding, parameters.get(part.parameters, b"charset"))
        texts.append(html_text(text) if part.subtype == b"html" else text)
    elif unpacked and _is_hidden_message(part, own):
        texts += _texts_of_message(decoded_octets(octets, part.encoding), unpacked - 1)
    return texts


def _is_hidden_message(part: Part, header: bytes) -> bool:
    """Whether this is a message whose structure is not in the notes: it is encoded, or nested too deeply."""
    if part.subtype != b"octet-stream":
        return False
    kind = parameters.parse(Headers(header).get(b"Content-Type") or b"")[0].lower()
    return kind in (b"message/rfc822", b"message/global", b"")


def _texts_of_message(message: bytes, unpacked: int) -> list[str]:
    end = header_end(message)
    header, body = message[:end], message[end:]
    return [_header_lines(Headers(header)), *_texts(describe(header, body).root, header, body, unpacked)]


AnyRow = FlagsRow | MessageRow
RowTest = Callable[[AnyRow], bool | None]
MessageTest = Callable[[AnyRow, SearchedMessage], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """`by_row` gives None when the message must be read; `by_message` then decides. `look` tells what both need."""

    look: Look
    by_row: RowTest
    by_message: MessageTest


async def search(store: MailboxStore, mailbox: MailboxId, uids: UidSet, query: Query) -> list[tuple[Uid, ModSeq]]:
    """The messages of `uids` that match, in UID order."""
    found: list[tuple[Uid, ModSeq]] = []
    async for rows in _rows(store, mailbox, uids, query.look):
        verdicts = [query.by_row(row) for row in rows]
        undecided = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict is None]
        matching = await _matching(store, mailbox, undecided, query) if undecided else frozenset()
        found += [
            (row.uid, row.modseq)
            for row, verdict in zip(rows, verdicts, strict=True)
            if verdict or (verdict is None and row.uid in matching)
        ]
        await asyncio.sleep(0)
    return found


async def _rows(store: MailboxStore, mailbox: MailboxId, uids: UidSet, look: Look) -> AsyncIterator[Sequence[AnyRow]]:
    if look is Look.FLAGS:
        async for light in store.flags(mailbox, uids):
            yield light
    else:
        async for rows in store.rows(mailbox, uids):
            yield rows


async def _matching(store: MailboxStore, mailbox: MailboxId, rows: Sequence[AnyRow], query: Query) -> frozenset[Uid]:
    found: set[Uid] = set()
    if query.look is Look.BODY:
        for batch in _in_batches(rows):
            messages = await store.messages(mailbox, [row.uid for row in batch])
            loaded = [(row, await _loaded(messages[row.uid])) for row in batch if row.uid in messages]
            found.update(await asyncio.to_thread(_test, loaded, query.by_message))
        return frozenset(found)
    by_uid = {row.uid: row for row in rows}
    async for blocks in store.headers(mailbox, UidSet.of(by_uid)):
        loaded = [(by_uid[uid], SearchedMessage(header)) for uid, header in blocks]
        if len(loaded) > ON_LOOP:
            found.update(await asyncio.to_thread(_test, loaded, query.by_message))
        else:
            found.update(_test(loaded, query.by_message))
    return frozenset(found)


def _in_batches(rows: Sequence[AnyRow]) -> list[list[AnyRow]]:
    """Bounded in number and in bytes."""
    batches: list[list[AnyRow]] = []
    octets = 0
    for row in rows:
        size = row.size if isinstance(row, MessageRow) else 0
        if not batches or len(batches[-1]) == MESSAGE_BATCH or octets + size > MESSAGE_BATCH_BYTES:
            batches.append([])
            octets = 0
        batches[-1].append(row)
        octets += size
    return batches


async def _loaded(message: StoredMessage) -> SearchedMessage:
    return SearchedMessage(message.content.header, message.structure, await message.content.body.read())


def _test(loaded: list[tuple[AnyRow, SearchedMessage]], by_message: MessageTest) -> list[Uid]:
    return [row.uid for row, message in loaded if by_message(row, message)]
