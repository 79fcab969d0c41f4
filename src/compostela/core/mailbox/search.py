"""Searching a mailbox by looking at its messages. What rows can answer is asked first; of the messages that are left the header
blocks are read, and bodies only when something in them is asked for: of these the text parts alone, piece by piece, by a few
searches at a time, so that what all searches hold together has a bound however large the messages are."""

import asyncio
import enum
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from operator import itemgetter
from typing import NamedTuple, TypeVar

from compostela.core.blob.model import Body
from compostela.core.blob.read_ahead import ReadAhead
from compostela.core.mailbox.listings import PIECE_ROWS, MailboxListings
from compostela.core.mailbox.model import FlagsRow, MessageRow, StoredMessage
from compostela.core.mailbox.ports import MessageStore
from compostela.mime import addresses, parameters
from compostela.mime.dates import parse_day
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, header_end, unfold, values
from compostela.mime.scanner import describe
from compostela.mime.structure import Part, Structure
from compostela.mime.text import decoded_octets, decoded_text, html_text
from compostela.model.flags import Flags
from compostela.model.numbers import MailboxId, ModSeq, Uid
from compostela.model.uid_set import UidSet

MESSAGE_BATCH = 50
MESSAGE_BATCH_BYTES = 8 * 1024 * 1024
"""Octets that one search reads at once."""
HEADER_BATCH = 1000
MAX_HEADER_BYTES = 1024 * 1024
"""No header block is longer."""
SEARCHES_AT_ONCE = 2
"""Searches that hold bodies at the same moment, of all sessions; others wait for their turn after each piece."""
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
    """What a query needs of a message, each with all before it. `FLAGS`: the verdict is the same for all messages with the same flags."""

    FLAGS = 0
    FLAGS_ROW = 1
    ROW = 2
    HEADER = 3
    BODY = 4


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
    """A message being searched: decoded text is made when first asked for. `in_body` are the texts of needles that were found
    in its body."""

    def __init__(self, header: bytes, in_body: Collection[str] = ()) -> None:
        self._header = header
        self._in_body = in_body
        self._headers: Headers | None = None
        self._lowered: bytes | None = None
        self._header_text: str | None = None

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

    def has_in_body(self, needle: Needle) -> bool:
        """Whether the body contains it. The query must have named the needle."""
        return needle.text in self._in_body


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


class SearchedPart(NamedTuple):
    """Octets of the body that are read to search a part: its header block, or its text."""

    part: Part
    start: int
    end: int
    is_header: bool

    def text(self, octets: bytes, unpacked: int = 0) -> str:
        """What a reader sees of these octets, in one case. `unpacked` messages were opened around them."""
        part = self.part
        if self.is_header:
            values = parameters.texts(part.parameters) + parameters.texts(part.disposition_parameters)
            return "\n".join((*values, _header_lines(Headers(octets)))).casefold()
        if part.is_hidden_message:
            return "\n".join(_texts_of_message(decoded_octets(octets, part.encoding), unpacked + 1))
        text = decoded_text(octets, part.encoding, parameters.get(part.parameters, b"charset"))
        if part.subtype == b"rfc822-headers":
            # the header of the message that a delivery report is about (RFC 6522 §4)
            text = f"{text}\n{_header_lines(Headers(decoded_octets(octets, part.encoding)))}"
        return (html_text(text) if part.subtype == b"html" else text).casefold()


def searched_parts(part: Part) -> Iterator[SearchedPart]:
    """A part and the parts below it, each as far as it is searched. Their header fields belong to the body of the message that
    holds them (RFC 3501 §6.4.4)."""
    yield SearchedPart(part, *part.header, is_header=True)
    # a delivery report is text too
    if part.is_hidden_message or (part.type in (b"text", b"message") and not part.children):
        start, end = part.body
        yield SearchedPart(part, start, min(end, start + MAX_SEARCHED_PART_BYTES), is_header=False)
    for child in part.children:
        yield from searched_parts(child)


def _texts_of_message(message: bytes, unpacked: int) -> Iterator[str]:
    if unpacked > MAX_UNPACKED:
        return
    end = header_end(message)
    header, body = message[:end], message[end:]
    yield _header_lines(Headers(header))
    for one in searched_parts(describe(header, body).root):
        yield one.text(body[one.start : one.end], unpacked)


P = TypeVar("P")
AnyRow = FlagsRow | MessageRow
_make_flags_row = FlagsRow._make
_flags_of = itemgetter(2)
RowTest = Callable[[AnyRow], bool | None]
MessageTest = Callable[[AnyRow, SearchedMessage], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """`by_row` gives None when the message must be read; `by_message` then decides. `look` tells what both need, `in_body` the
    texts of the needles that are looked for in bodies."""

    look: Look
    by_row: RowTest
    by_message: MessageTest
    in_body: frozenset[str] = frozenset()


async def search(
    store: MessageStore,
    listings: MailboxListings,
    mailbox: MailboxId,
    uids: UidSet,
    query: Query,
    slots: asyncio.Semaphore,
) -> list[FlagsRow]:
    """The messages of `uids` that match, in UID order. `slots` is shared by all searches of the process: one is taken while
    bodies are held. Raises `TemporaryFailure` when a message cannot be read."""
    if query.look is Look.FLAGS:
        return await _search_flags(listings, mailbox, uids, query.by_row)
    found: list[FlagsRow] = []
    async for rows in _paced(_rows(store, listings, mailbox, uids, query.look)):
        verdicts = list(map(query.by_row, rows))
        if None in verdicts:
            undecided = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict is None]
            matching = await _matching(store, mailbox, undecided, query, slots)
            found += [
                _make_flags_row(row[:3])
                for row, verdict in zip(rows, verdicts, strict=True)
                if verdict or (verdict is None and row.uid in matching)
            ]
        else:
            found += [_make_flags_row(row[:3]) for row in compress(rows, verdicts)]
    return found


async def _search_flags(listings: MailboxListings, mailbox: MailboxId, uids: UidSet, by_row: RowTest) -> list[FlagsRow]:
    verdicts = _Verdicts(by_row)
    found: list[FlagsRow] = []
    looked_at = 0
    async for rows in listings.flags(mailbox, uids):
        if looked_at >= PIECE_ROWS:
            # other sessions work meanwhile
            await asyncio.sleep(0)
            looked_at = 0
        looked_at += len(rows)
        found += compress(rows, map(verdicts.__getitem__, map(_flags_of, rows)))
    return found


class _Verdicts(dict[Flags, bool | None]):
    """The verdict for each combination of flags, made when it is first asked for."""

    def __init__(self, by_row: RowTest) -> None:
        super().__init__()
        self._by_row = by_row

    def __missing__(self, flags: Flags) -> bool | None:
        verdict = self[flags] = self._by_row(FlagsRow(Uid(0), ModSeq(0), flags))
        return verdict


async def _paced(pieces: AsyncIterator[P]) -> AsyncIterator[P]:
    """Other sessions work between two pieces."""
    is_first = True
    async for piece in pieces:
        if not is_first:
            await asyncio.sleep(0)
        is_first = False
        yield piece


async def _rows(
    store: MessageStore, listings: MailboxListings, mailbox: MailboxId, uids: UidSet, look: Look
) -> AsyncIterator[Sequence[AnyRow]]:
    if look is Look.FLAGS_ROW:
        async for light in listings.flags(mailbox, uids):
            yield light
    else:
        async for rows in store.rows(mailbox, uids):
            yield rows


async def _matching(
    store: MessageStore, mailbox: MailboxId, rows: Sequence[AnyRow], query: Query, slots: asyncio.Semaphore
) -> frozenset[Uid]:
    found: set[Uid] = set()
    if query.look is Look.BODY:
        for batch in _in_batches(rows, MESSAGE_BATCH, MESSAGE_BATCH_BYTES):
            found.update(await _matching_bodies(store, mailbox, batch, query, slots))
        return frozenset(found)
    by_uid = {row.uid: row for row in rows}
    for batch in _in_batches(rows, HEADER_BATCH, MAX_HEADER_BYTES):
        async for blocks in store.headers(mailbox, UidSet.of(row.uid for row in batch)):
            loaded = [(by_uid[uid], SearchedMessage(header)) for uid, header in blocks]
            if len(loaded) > ON_LOOP:
                found.update(await asyncio.to_thread(_test, loaded, query.by_message))
            else:
                found.update(_test(loaded, query.by_message))
    return frozenset(found)


def _in_batches(rows: Sequence[AnyRow], number: int, longest: int) -> list[list[AnyRow]]:
    """Bounded in number and in bytes, of which at most `longest` are read of one message."""
    batches: list[list[AnyRow]] = []
    octets = 0
    for row in rows:
        size = min(row.size, longest) if isinstance(row, MessageRow) else 0
        if not batches or len(batches[-1]) == number or octets + size > MESSAGE_BATCH_BYTES:
            batches.append([])
            octets = 0
        batches[-1].append(row)
        octets += size
    return batches


async def _matching_bodies(
    store: MessageStore, mailbox: MailboxId, rows: Sequence[AnyRow], query: Query, slots: asyncio.Semaphore
) -> list[Uid]:
    messages = await store.messages(mailbox, [row.uid for row in rows])
    loaded: list[tuple[AnyRow, SearchedMessage]] = []
    pieces: list[_Piece] = []
    octets = 0
    bodies = {row.uid: messages[row.uid].content.body for row in rows if row.uid in messages}
    async with slots, ReadAhead(bodies) as ahead:
        for row in rows:
            message = messages.get(row.uid)
            if message is None:
                continue
            in_body: set[str] = set()
            loaded.append((row, SearchedMessage(message.content.header, in_body)))
            async for piece in _pieces(message, query.in_body, in_body, partial(ahead.opened, row.uid)):
                if octets + len(piece.octets) > MESSAGE_BATCH_BYTES:
                    await asyncio.to_thread(_look_into, pieces)
                    pieces, octets = [], 0
                pieces.append(piece)
                octets += len(piece.octets)
        return await asyncio.to_thread(_look_and_test, pieces, loaded, query.by_message)


class _Piece(NamedTuple):
    """A part that was read, what is looked for in it, and where that is noted."""

    part: SearchedPart
    octets: bytes
    wanted: frozenset[str]
    found: set[str]


async def _pieces(
    message: StoredMessage, wanted: frozenset[str], found: set[str], opened: Callable[[], Awaitable[Body]]
) -> AsyncIterator[_Piece]:
    """The parts of a message until all that is wanted is found."""
    structure = Structure.loads(message.structure)
    if structure is None:
        header = message.content.header
        structure = await message.content.body.apply(lambda octets: describe(header, octets))
    if "" in wanted:
        found.add("")
    body: Body | None = None
    for part in searched_parts(structure.root):
        if wanted <= found:
            return
        body = body or await opened()
        yield _Piece(part, await body.read(part.start, part.end - part.start), wanted, found)


def _look_into(pieces: Sequence[_Piece]) -> None:
    for part, octets, wanted, found in pieces:
        if not wanted <= found:
            text = part.text(octets)
            found.update(one for one in wanted if one in text)


def _look_and_test(
    pieces: Sequence[_Piece], loaded: Sequence[tuple[AnyRow, SearchedMessage]], by_message: MessageTest
) -> list[Uid]:
    _look_into(pieces)
    return _test(loaded, by_message)


def _test(loaded: Sequence[tuple[AnyRow, SearchedMessage]], by_message: MessageTest) -> list[Uid]:
    return [row.uid for row, message in loaded if by_message(row, message)]
