"""A maildrop: the INBOX as it was at the login. The only module of the POP3 server that knows mailboxes.

Message numbers, sizes and unique ids never change in a session (RFC 1939 §5). Nothing is locked: other sessions may read and remove
messages meanwhile. Marks are in memory until QUIT, so a lost connection or a killed server removes nothing.
"""

import asyncio
from array import array
from collections.abc import Iterator

from compostela.base.errors import NotFound
from compostela.core.blob.model import MessageContent
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.session import MailboxSession
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import Uid
from compostela.model.uid_set import UidSet
from compostela.model.username import Username

MAX_MESSAGES = 1_000_000
"""Messages of one maildrop, 12 octets of memory each; those after them are seen once some of these are removed."""
MAX_UNIQUE_ID = 70
"""RFC 1939 §7."""


class Maildrop:
    """Made by `open`. Numbers count from 1."""

    __slots__ = ("_mailbox", "_mailboxes", "_marked", "_marked_bytes", "_sizes", "_total_bytes", "_uids")

    def __init__(self, mailboxes: MailboxSession, mailbox: Mailbox | None) -> None:
        self._mailboxes = mailboxes
        self._mailbox = mailbox
        self._uids = array("I")
        self._sizes = array("Q")
        self._total_bytes = 0
        self._marked: set[int] = set()
        self._marked_bytes = 0

    @classmethod
    async def open(cls, mailboxes: MailboxSession, user: Username) -> "Maildrop":
        """The user's INBOX, empty if there is none. Raises `TemporaryFailure`."""
        try:
            inbox = await mailboxes.find(MailboxPath.inbox(user))
            maildrop = cls(mailboxes, inbox)
            await maildrop._take(inbox)
        except NotFound:
            return cls(mailboxes, None)
        return maildrop

    async def _take(self, mailbox: Mailbox) -> None:
        async for rows in self._mailboxes.rows(mailbox):
            rows = rows[: MAX_MESSAGES - len(self._uids)]
            self._uids.extend(row.uid for row in rows)
            self._sizes.extend(row.size for row in rows)
            if len(self._uids) == MAX_MESSAGES:
                break
            await asyncio.sleep(0)
        self._total_bytes = sum(self._sizes)

    @property
    def messages(self) -> int:
        """Messages without those that are marked."""
        return len(self._uids) - len(self._marked)

    @property
    def size_bytes(self) -> int:
        """Octets of the messages that are not marked."""
        return self._total_bytes - self._marked_bytes

    def __contains__(self, number: int) -> bool:
        """Whether the number is a message's, marked or not."""
        return 1 <= number <= len(self._uids)

    def is_marked(self, number: int) -> bool:
        """Whether the message is to be removed."""
        return number in self._marked

    def numbers(self) -> Iterator[int]:
        """The messages that are not marked, in order."""
        every = range(1, len(self._uids) + 1)
        return iter(every) if not self._marked else (number for number in every if number not in self._marked)

    def size(self, number: int) -> int:
        """Octets of the message as stored."""
        return self._sizes[number - 1]

    def unique_id(self, number: int) -> str:
        """As in James, mailbox id and UID: neither is ever given to another message, and a mailbox keeps its id for life."""
        assert self._mailbox is not None
        return f"{self._mailbox.id}-{self._uids[number - 1]}"

    def mark(self, number: int) -> None:
        """The message is removed at the end of the session. It is not marked yet."""
        self._marked.add(number)
        self._marked_bytes += self._sizes[number - 1]

    def unmark_all(self) -> None:
        """No message is removed."""
        self._marked.clear()
        self._marked_bytes = 0

    async def message(self, number: int) -> MessageContent | None:
        """None if another session has removed the message. Raises `TemporaryFailure`."""
        assert self._mailbox is not None
        try:
            stored = await self._mailboxes.message(self._mailbox, Uid(self._uids[number - 1]))
        except NotFound:
            return None
        return stored.content if stored is not None else None

    async def remove_marked(self) -> None:
        """Durable when it returns. Messages that are gone already are no error. Raises `TemporaryFailure`: some may be left."""
        if not self._marked or self._mailbox is None:
            return
        uids = UidSet.of(self._uids[number - 1] for number in self._marked)
        try:
            await self._mailboxes.remove(self._mailbox, uids)
        except NotFound:
            return
