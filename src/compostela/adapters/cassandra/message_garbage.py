"""Removes the contents of messages without a place: expunged, of deleted mailboxes, of appends that were refused, cut off or repeated.

A collection goes over held mailboxes, over mailboxes whose pages lag the log (their messages would seem to have places), and over
all messages. A message is *suspect* when none of the mailboxes to which its intents say that it came has it. It is marked then, and is
removed if it is still suspect `defer_seconds` later: longer than any append or copy takes between storing and publishing. A copy
removes the mark.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from compostela.adapters.cassandra.listener_news import ListenerNews
from compostela.adapters.cassandra.mailbox_contents import SIDE_BY_SIDE, PlacedMessage
from compostela.adapters.cassandra.mailbox_messages import CassandraMessages
from compostela.adapters.cassandra.mailbox_removal import HELD_SECONDS, MailboxRemoval
from compostela.adapters.cassandra.mailbox_states import MailboxTables
from compostela.adapters.cassandra.message_copies import MessageCopies
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.errors import InvalidArgument, NotFound, TemporaryFailure
from compostela.core.blob.references import CollectedPart
from compostela.core.events.ports import EventSource
from compostela.core.mailbox.log import Change
from compostela.core.mailbox.log_and_pages.state import Restart
from compostela.model.numbers import MailboxId, MessageId, ModSeq

DEFER_SECONDS = 86400.0
MAX_PART = 10_000
_MAILBOXES, _MESSAGES = "mailboxes:", "messages:"


@dataclass(frozen=True, slots=True)
class GarbageSettings:
    defer_seconds: float = DEFER_SECONDS
    held_seconds: float = HELD_SECONDS
    """How long the content of an expunged message is held for listener groups at most, and a deleted mailbox."""


@dataclass(slots=True)
class _Held:
    """What one step knows of expunged messages that groups have not passed, by group and mailbox."""

    messages: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)


class MessageGarbage:
    """In small steps, each of which may be repeated and cut off; two collections at once do no harm."""

    def __init__(
        self,
        tables: MailboxTables,
        messages: CassandraMessages,
        removal: MailboxRemoval,
        source: EventSource,
        news: ListenerNews | None,
        clock: Clock,
        settings: GarbageSettings,
        copies: MessageCopies,
    ) -> None:
        self._tables = tables
        self._messages = messages
        self._removal = removal
        self._source = source
        self._news = news
        self._clock = clock
        self._settings = settings
        self._copies = copies

    async def collect(self, position: str | None, limit: int) -> CollectedPart:
        """The next part of a collection, None for the first; looks at about `limit` mailboxes or messages. Raises `TemporaryFailure`,
        and `InvalidArgument` for a position that is not one of this collection."""
        limit = min(limit, MAX_PART)
        if position is None:
            await self._removal.release_all(self._settings.held_seconds)
            return CollectedPart(_MAILBOXES)
        if position.startswith(_MAILBOXES):
            return await self._project(position.removeprefix(_MAILBOXES), limit)
        try:
            after = bytes.fromhex(position.removeprefix(_MESSAGES))
        except ValueError as error:
            raise InvalidArgument("the position is not one of a collection") from error
        return await self._collect(after, limit)

    async def _project(self, after: str, limit: int) -> CollectedPart:
        behind, last = await self._tables.log.behind(after, limit)

        async def project(mailbox: str) -> None:
            try:
                await self._messages.project(MailboxId(mailbox))
            except (NotFound, Restart):
                # it is gone, or another node was faster
                return

        await side_by_side(behind, project, SIDE_BY_SIDE)
        return CollectedPart(_MESSAGES if last is None else f"{_MAILBOXES}{last}")

    async def _collect(self, after: bytes, limit: int) -> CollectedPart:
        looked = [one async for one in self._tables.messages.all(after, limit)]
        suspects = [one for one in looked if not one.has_place]
        held = _Held()
        gone = await side_by_side(suspects, lambda one: self._goes(one, held), SIDE_BY_SIDE)
        position = f"{_MESSAGES}{looked[-1].message.hex()}" if len(looked) == limit else None
        return CollectedPart(position, looked=len(looked), referred=len(looked) - sum(gone), removed=sum(gone))

    async def _goes(self, one: PlacedMessage, held: _Held) -> bool:
        """Mark a suspect, or remove it. Return True if it was removed."""
        if await self._messages.locate(MessageId(one.message.hex())):
            return False
        now = int(self._clock.now())
        since = one.suspect_since
        if since is None:
            await self._tables.messages.suspect(one.message, now)
            since = now
        if now - since < self._settings.defer_seconds:
            return False
        if now - since <= self._settings.held_seconds and await self._is_needed(one, held):
            return False
        await self._copies.remove(one.message, await self._tables.messages.notes(one.message))
        await self._tables.messages.remove(one.message)
        return True

    async def _is_needed(self, one: PlacedMessage, held: _Held) -> bool:
        """Whether a group that needs contents has not passed its expunge."""
        if self._news is None:
            return False
        for known in await self._news.groups.all():
            if not known.group.needs_content:
                continue
            for mailbox in one.mailboxes:
                key = known.id, mailbox
                if key not in held.messages:
                    held.messages[key] = frozenset([found async for found in self._not_passed(*key)])
                if one.message.hex() in held.messages[key]:
                    return True
        return False

    async def _not_passed(self, listener: str, name: str) -> AsyncIterator[str]:
        """Messages that were expunged from a mailbox after the group's cursor, and those of a deleted mailbox."""
        assert self._news is not None
        mailbox = MailboxId(name)
        since = await self._news.cursor(listener, mailbox)
        if since is None or not await self._news.is_noted(listener, mailbox):
            # a new group begins with a snapshot; it does not hear of messages that were expunged earlier
            return
        while True:
            found = await self._source.read(mailbox, ModSeq(since))
            if found is None or not found.page.complete:
                return
            for entry in found.page.entries:
                if entry.change is Change.EXPUNGED:
                    yield entry.message_id
            if found.page.is_last:
                return
            if found.page.until <= since:
                raise TemporaryFailure("the log of a mailbox does not go on")
            since = found.page.until
