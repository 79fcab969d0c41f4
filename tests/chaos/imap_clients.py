"""Clients that read and change mailboxes, and one that waits for news."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.chaos.clients import PATIENCE_SECONDS, Client, Refused, TryLater
from tests.chaos.cluster import Node
from tests.chaos.ledger import Message, Presence, content_of
from tests.consistency.session import Done, Known, Session

MAILBOXES = ("INBOX", "Work", "Archive")
PASSWORD = "secret"
_TEMPORARY = {b"UNAVAILABLE", b"EXPUNGEISSUED"}
"""Codes of answers after which a client may ask again (RFC 5530 §3). EXPUNGEISSUED: another session has expunged some of the messages."""


class PatientSession(Session):
    seconds = PATIENCE_SECONDS


@asynccontextmanager
async def logged_in(node: Node, user: str, known: Known) -> AsyncIterator[Session]:
    """A session, which is closed in the end. Raises `TryLater` and the errors of a lost connection."""
    session = await PatientSession.connect(node.server.imap, known)
    try:
        await ok(session, f"LOGIN {user} {PASSWORD}")
        yield session
    finally:
        await session.close()


async def ok(session: Session, text: str, literal: bytes | None = None) -> Done:
    """Raises `TryLater` for a temporary error, and `Refused` for another one."""
    done = await session.command(text, literal)
    if done.status == "OK":
        return done
    if done.status == "NO" and _TEMPORARY.intersection(done.codes):
        raise TryLater
    raise Refused(f"{text}: {done.status} {done.text.decode(errors='replace')}")


async def select(session: Session, mailbox: str) -> None:
    """Raises as `ok` does; no mailbox is selected then (RFC 9051 §6.3.2)."""
    session.begin_view(mailbox)
    try:
        done = await ok(session, f"SELECT {mailbox} (CONDSTORE)")
    except TryLater:
        session.begin_view("")
        raise
    session.validity = int(done.codes[b"UIDVALIDITY"])


def _flags_of(done: Done, uid: int) -> set[str] | None:
    """None if nothing was told of the message."""
    for line in done.untagged:
        if line[1] == "FETCH" and isinstance(line[2], list):
            fields = dict(zip(map(str, line[2][::2]), line[2][1::2], strict=True))
            if fields.get("UID") == str(uid) and isinstance(flags := fields.get("FLAGS"), list):
                return set(map(str, flags))
    return None


@dataclass
class Worker(Client):
    """Works on the messages of one user: APPEND, STORE, MOVE, EXPUNGE. What it was told of a message, a worker on the other node
    must find so: before a command it looks with NOOP, and the message must be there."""

    user: str = ""
    known: Known = field(default_factory=Known)
    keyword: str = "$One"

    async def session(self) -> None:
        async with logged_in(self.node, self.user, self.known) as session:
            await self.repeat(lambda: self._step(session))

    async def _step(self, session: Session) -> None:
        chance = self.dice.random()
        if chance < 0.3:
            await self._append(session)
            return
        if chance < 0.4:
            await self._discover(session)
            return
        message = self.ledger.usable(self.user, self.dice)
        if message is None:
            return
        message.is_busy = True
        try:
            await self._look(session, message)
            if chance < 0.7:
                await self._store(session, message)
            elif chance < 0.9:
                await self._move(session, message)
            else:
                await self._expunge(session, message)
        finally:
            message.is_busy = False

    async def _append(self, session: Session) -> None:
        mailbox = self.dice.choice(MAILBOXES)
        mark = self.ledger.begin("append", [self.user])
        header, body = content_of(mark)
        done = await ok(session, f"APPEND {mailbox} ({self.keyword})", header + b"\r\n" + body)
        self.ledger.acknowledge(mark, [self.user])
        message = self.ledger.messages[mark, self.user]
        message.keywords[self.keyword] = True
        message.mailbox, message.uid = mailbox, int(done.codes[b"APPENDUID"].split()[1])

    async def _look(self, session: Session, message: Message) -> None:
        """The message must be there with its keywords. Raises `Refused` if it is not."""
        uid, mailbox = message.uid, message.mailbox
        if session.mailbox == mailbox:
            await ok(session, "NOOP")
        else:
            await select(session, mailbox)
        flags = _flags_of(await ok(session, f"UID FETCH {uid} (FLAGS)"), uid)
        if flags is None:
            # a NOOP that cannot read what has changed is answered OK
            await select(session, mailbox)
            flags = _flags_of(await ok(session, f"UID FETCH {uid} (FLAGS)"), uid)
        if flags is None:
            message.uid = 0
            raise Refused(f"{message.mark} of {message.user} is not there, it was acknowledged in {mailbox} {uid}")
        for keyword, is_set in message.keywords.items():
            if is_set is not None and is_set != (keyword in flags):
                message.keywords[keyword] = None
                raise Refused(f"{message.mark} of {message.user}: {keyword} must be {is_set}")

    async def _store(self, session: Session, message: Message) -> None:
        is_set = self.dice.random() < 0.7
        message.keywords[self.keyword] = None
        await ok(session, f"UID STORE {message.uid} {'+' if is_set else '-'}FLAGS.SILENT ({self.keyword})")
        message.keywords[self.keyword] = is_set

    async def _move(self, session: Session, message: Message) -> None:
        target = self.dice.choice([one for one in MAILBOXES if one != message.mailbox])
        uid, message.uid = message.uid, 0
        message.unknown_moves += 1
        done = await ok(session, f"UID MOVE {uid} {target}")
        message.unknown_moves -= 1
        if b"COPYUID" not in done.codes:
            raise Refused(f"MOVE of {message.mailbox} {uid} did not find it, FETCH did")
        message.mailbox, message.uid = target, int(done.codes[b"COPYUID"].split()[2])

    async def _expunge(self, session: Session, message: Message) -> None:
        uid, message.uid = message.uid, 0
        message.presence = Presence.POSSIBLE
        await ok(session, f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        await ok(session, f"UID EXPUNGE {uid}")
        message.presence = Presence.GONE

    async def _discover(self, session: Session) -> None:
        """Learns the UIDs of delivered mails."""
        if session.mailbox == "INBOX":
            await ok(session, "NOOP")
        else:
            await select(session, "INBOX")
        size = len(session.view)
        if not size:
            return
        done = await ok(session, f"FETCH {max(1, size - 30)}:* (UID BODY.PEEK[HEADER.FIELDS (X-MARK)])")
        for line in done.untagged:
            if line[1] != "FETCH" or not isinstance(line[2], list):
                continue
            fields = dict(zip(map(str, line[2][::2]), line[2][1::2], strict=True))
            value = next((one for name, one in fields.items() if name.startswith("BODY[")), None)
            if not isinstance(value, bytes) or "UID" not in fields:
                continue
            mark = value.partition(b":")[2].strip().decode()
            message = self.ledger.messages.get((mark, self.user))
            if message is not None and mark.startswith("smtp") and not message.mailbox and not message.is_busy:
                message.mailbox, message.uid = "INBOX", int(str(fields["UID"]))


@dataclass
class Idler(Client):
    """Waits for news of the INBOX with IDLE for as long as its node lives."""

    user: str = ""
    known: Known = field(default_factory=Known)
    told: int = 0

    async def session(self) -> None:
        async with logged_in(self.node, self.user, self.known) as session:
            await select(session, "INBOX")
            await self.repeat(lambda: self._wait(session))

    async def _wait(self, session: Session) -> None:
        before = len(session.view)
        done = await session.idle(self.dice.uniform(1.0, 5.0))
        if done.status != "OK":
            raise Refused(f"IDLE: {done.text.decode(errors='replace')}")
        self.told += len(session.view) != before
        await asyncio.sleep(0)
