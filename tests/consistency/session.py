"""A client that keeps its own picture of the selected mailbox and holds the server to it (RFC 3501 §5.2, §7.4; RFC 7162)."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Self

from tests.consistency.responses import Broken, Value, parse, read_response

SECONDS = 30.0
_CODE = re.compile(rb"\[([A-Z]+)(?: ([^\]]*))?\]")
HOLDS_EXPUNGE_BACK = ("FETCH", "STORE", "SEARCH")
"""RFC 3501 §7.4.1: in these no EXPUNGE may come, for sequence numbers are under way."""


@dataclass
class Seen:
    """What this session was told of a message."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int = 0


@dataclass
class Known:
    """What all sessions together know: the message that a mailbox, UIDVALIDITY and UID name. That never changes."""

    contents: dict[tuple[str, int, int], bytes] = field(default_factory=dict)

    def check(self, mailbox: str, validity: int, uid: int, content: bytes) -> None:
        before = self.contents.setdefault((mailbox, validity, uid), content)
        if before != content:
            raise Broken(f"{mailbox} {uid} was {before!r} and is {content!r}")


@dataclass
class Done:
    """The end of a command: OK, NO or BAD, its text and the codes of all its status responses."""

    status: str
    text: bytes
    codes: dict[bytes, bytes]
    untagged: list[list[Value]]


class Session:
    """One connection."""

    seconds = SECONDS
    """The longest that a response may take."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, known: Known) -> None:
        self._reader, self._writer, self._known = reader, writer, known
        self._number = 0
        self.view: list[Seen] = []
        self.mailbox = ""
        self.validity = 0
        self._highest = 0
        self.log: list[bytes] = []

    @classmethod
    async def connect(cls, port: int, known: Known) -> Self:
        """Not logged in yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        session = cls(reader, writer, known)
        await read_response(reader)
        return session

    @classmethod
    async def open(cls, port: int, user: str, known: Known) -> Self:
        session = await cls.connect(port, known)
        assert (await session.command(f"LOGIN {user} secret")).status == "OK"
        return session

    async def close(self) -> None:
        self._writer.close()

    def begin_view(self, mailbox: str) -> None:
        """Knows nothing of a mailbox that is about to be selected."""
        self.view, self.mailbox, self._highest = [], mailbox, 0

    async def select(self, mailbox: str) -> None:
        self.begin_view(mailbox)
        done = await self.command(f"SELECT {mailbox} (CONDSTORE)")
        if done.status != "OK":
            raise Broken(f"SELECT {mailbox}: {done.text!r}")
        self.validity = int(done.codes[b"UIDVALIDITY"])

    async def command(self, text: str, literal: bytes | None = None) -> Done:
        """Send a command, optionally with a literal, and read all responses up to the tagged one."""
        self._number += 1
        tag = b"a%d" % self._number
        line = tag + b" " + text.encode()
        if literal is not None:
            line += b" {%d+}\r\n" % len(literal) + literal
        self._note(b"C: " + line)
        self._writer.write(line + b"\r\n")
        words = text.split(" ")
        return await self._until_done(tag, words[0].upper(), by_uid=words[0].upper() == "UID")

    async def idle(self, seconds: float) -> Done:
        """IDLE for so long (RFC 2177)."""
        self._number += 1
        tag = b"a%d" % self._number
        self._note(b"C: IDLE")
        self._writer.write(tag + b" IDLE\r\n")
        end = asyncio.get_running_loop().time() + seconds
        waiting = asyncio.ensure_future(self._until_done(tag, "IDLE", by_uid=False))
        await asyncio.wait({waiting}, timeout=end - asyncio.get_running_loop().time())
        self._writer.write(b"DONE\r\n")
        return await waiting

    def _note(self, line: bytes) -> None:
        self.log.append(line[:200])
        del self.log[:-60]

    async def _until_done(self, tag: bytes, name: str, *, by_uid: bool) -> Done:
        done = Done("", b"", {}, [])
        while True:
            response = await asyncio.wait_for(read_response(self._reader), self.seconds)
            self._note(b"S: " + response)
            if response.startswith(b"+"):
                continue
            lead, _, rest = response.partition(b" ")
            if lead == tag:
                word, _, done.text = rest.partition(b" ")
                done.status = word.decode()
                self._codes(done.text, done)
                return done
            if lead != b"*":
                raise Broken(f"neither tagged nor untagged: {response!r}")
            self._untagged(rest, done, name if not by_uid else "UID")

    def _codes(self, text: bytes, done: Done) -> None:
        if match := _CODE.match(text):
            done.codes[match[1]] = match[2] or b""

    def _untagged(self, rest: bytes, done: Done, name: str) -> None:
        first, _, more = rest.partition(b" ")
        if first in (b"OK", b"NO", b"BAD", b"BYE"):
            if first == b"BYE" and name != "LOGOUT":
                raise Broken(f"the server ends the session: {more!r}")
            self._codes(more, done)
            return
        values = parse(rest)
        done.untagged.append(values)
        if not first.isdigit():
            return
        number, kind = int(first), values[1]
        if kind == "EXISTS":
            if number < len(self.view):
                raise Broken(f"EXISTS {number} where {len(self.view)} messages are")
            self.view += [Seen() for _ in range(number - len(self.view))]
        elif kind == "EXPUNGE":
            if name in HOLDS_EXPUNGE_BACK:
                raise Broken(f"EXPUNGE while {name} runs")
            if not 0 < number <= len(self.view):
                raise Broken(f"EXPUNGE {number} of {len(self.view)}")
            del self.view[number - 1]
        elif kind == "FETCH":
            self._fetched(number, values[2])

    def _fetched(self, number: int, items: Value) -> None:
        if not 0 < number <= len(self.view):
            raise Broken(f"FETCH of {number} where {len(self.view)} messages are")
        assert isinstance(items, list)
        seen = self.view[number - 1]
        fields = {str(items[at]).upper(): items[at + 1] for at in range(0, len(items), 2)}
        if "UID" in fields:
            self._uid(number, seen, int(str(fields["UID"])))
        if isinstance(flags := fields.get("FLAGS"), list):
            seen.flags = frozenset(str(flag) for flag in flags) - {"\\Recent"}
        if isinstance(modseq := fields.get("MODSEQ"), list):
            value = int(str(modseq[0]))
            if value < seen.modseq:
                raise Broken(f"MODSEQ of {seen.uid} goes back from {seen.modseq} to {value}")
            seen.modseq = value
        for name, content in fields.items():
            if name.startswith("BODY[") and isinstance(content, bytes) and seen.uid is not None:
                self._known.check(self.mailbox, self.validity, seen.uid, content)

    def _uid(self, number: int, seen: Seen, uid: int) -> None:
        if seen.uid is not None and seen.uid != uid:
            raise Broken(f"message {number} had the UID {seen.uid} and has {uid}")
        if seen.uid is None:
            lower = [one.uid for one in self.view[: number - 1] if one.uid is not None]
            higher = [one.uid for one in self.view[number:] if one.uid is not None]
            if (lower and max(lower) >= uid) or (higher and min(higher) <= uid):
                raise Broken(f"the UID {uid} of message {number} is out of order")
            seen.uid = uid
