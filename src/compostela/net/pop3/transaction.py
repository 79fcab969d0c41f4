"""The commands of a client that is logged in (RFC 1939 §5 and §7)."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import CHUNK_BYTES, Body, MessageContent
from compostela.mime.downgrade import downgraded
from compostela.net.pop3.maildrop import Maildrop
from compostela.protocols.pop3 import replies
from compostela.protocols.pop3.commands import Command, Dele, List, Noop, Retr, Rset, Stat, Top, Uidl
from compostela.protocols.pop3.content import DotStuffer, LineCounter
from compostela.protocols.pop3.replies import Reply

BATCH_LINES = 1000
"""Lines of a listing that are made at once."""
TOP_BYTES = 32 * 1024
"""A body is read in pieces of this size for TOP, which mostly wants its beginning."""


class Output(Protocol):
    """Where replies go."""

    def write(self, octets: bytes) -> None:
        """Octets are gathered and sent together."""
        ...

    async def drain(self) -> bool:
        """Send what is gathered and wait while the client does not read. Return False if the client is gone."""
        ...


class CutOff(Exception):
    """A message could not be read to its end after `+OK`: only the end of the connection tells the client."""


class Transaction:
    """One login with its maildrop."""

    __slots__ = ("_out", "_utf8", "maildrop")

    def __init__(self, maildrop: Maildrop, out: Output, *, utf8: bool) -> None:
        """Without `utf8` internationalised header blocks are downgraded (RFC 6856 §4, RFC 6858)."""
        self.maildrop = maildrop
        self._out = out
        self._utf8 = utf8

    async def run(self, command: Command) -> None:
        """Write the whole reply. Raises `TemporaryFailure` before its first octet, `CutOff` after it."""
        match command:
            case Stat():
                self._out.write(replies.ok(f"{self.maildrop.messages} {self.maildrop.size_bytes}").octets)
            case List(number):
                await self._listing(number, lambda one: str(self.maildrop.size(one)))
            case Uidl(number):
                await self._listing(number, self.maildrop.unique_id)
            case Retr(number):
                await self._message(number, None)
            case Top(number, lines):
                await self._message(number, lines)
            case Dele(number):
                self._out.write((self._wrong(number) or self._marked(number)).octets)
            case Rset():
                self.maildrop.unmark_all()
                self._out.write(replies.ok(self._summary()).octets)
            case Noop():
                self._out.write(replies.NOOP.octets)
            case _:
                raise AssertionError(f"{command} is not of this state")

    def _wrong(self, number: int) -> Reply | None:
        """The refusal of a number, None if it is a message's that can be had."""
        if number not in self.maildrop:
            return replies.no_such_message(number)
        return replies.already_deleted(number) if self.maildrop.is_marked(number) else None

    def _marked(self, number: int) -> Reply:
        self.maildrop.mark(number)
        return replies.DELETED

    def _summary(self) -> str:
        return f"{self.maildrop.messages} messages ({self.maildrop.size_bytes} octets)"

    async def _listing(self, number: int | None, value: Callable[[int], str]) -> None:
        if number is not None:
            self._out.write((self._wrong(number) or replies.ok(f"{number} {value(number)}")).octets)
            return
        self._out.write(replies.ok(self._summary()).octets)
        numbers = self.maildrop.numbers()
        while lines := _lines(islice(numbers, BATCH_LINES), value):
            self._out.write(lines)
            if not await self._out.drain():
                return
        self._out.write(replies.END)

    async def _message(self, number: int, lines: int | None) -> None:
        wrong = self._wrong(number)
        content = None if wrong else await self.maildrop.message(number)
        if content is None:
            self._out.write((wrong or replies.gone(number)).octets)
        else:
            await self._send(content, None if lines is None else LineCounter(lines))

    async def _send(self, content: MessageContent, counter: LineCounter | None) -> None:
        """The header block and the body, all of it or as many lines as the counter lets through, piece by piece."""
        stuffer = DotStuffer()
        step = CHUNK_BYTES if counter is None else TOP_BYTES
        at, size = 0, content.body.size if counter is None or counter.left else 0
        # a body that cannot be read is found out before +OK; one that is open is there to the end, even if it is removed meanwhile
        body = await content.body.opened() if size else content.body
        piece = await _piece(body, 0, step) if size else b""
        header = content.header if self._utf8 else downgraded(content.header)
        self._out.write(replies.MESSAGE_FOLLOWS.octets + stuffer.feed(header))
        while piece:
            at += len(piece)
            self._out.write(stuffer.feed(piece if counter is None else counter.feed(piece)))
            if at >= size or (counter is not None and not counter.left):
                break
            if not await self._out.drain():
                return
            try:
                piece = await _piece(body, at, step)
            except TemporaryFailure as failure:
                raise CutOff from failure
        self._out.write(stuffer.end())


async def _piece(body: Body, at: int, length: int) -> bytes:
    """A range inside the body. Raises `TemporaryFailure`, also if the store has fewer octets than it says."""
    octets = await body.read(at, length)
    if not octets:
        raise TemporaryFailure(f"a body ends after {at} octets of {body.size}")
    return octets


def _lines(numbers: Iterable[int], value: Callable[[int], str]) -> bytes:
    return "".join([f"{number} {value(number)}\r\n" for number in numbers]).encode()
