"""When the recovery copies of messages are written and removed.

Synchronous: after the content of a message is stored and before the message appears; what is acknowledged has a copy. Asynchronous: after it
has appeared; the copies that are under way when the process dies, and those that the store refuses, are missing.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence

from compostela.adapters.cassandra.mailbox_contents import SIDE_BY_SIDE, Notes
from compostela.adapters.cassandra.settings import RecoveryMode
from compostela.base.concurrency import side_by_side
from compostela.base.errors import TemporaryFailure
from compostela.base.metrics import counter
from compostela.core.recovery.ports import CopyName, RecoveryCopies, RecoveryCopy
from compostela.model.numbers import BlobId, MessageId

_log = logging.getLogger(__name__)

MAX_UNDER_WAY = 256
"""Copies that are written after their messages appeared. With more of them the next are left out: a store that is away must not keep mail
from being taken."""

_left_out = counter("recoveryCopiesLeftOut", "Messages that appeared and got no recovery copy")


class MessageCopies:
    def __init__(self, copies: RecoveryCopies | None = None, mode: RecoveryMode = RecoveryMode.NONE) -> None:
        self._copies = copies
        self._mode = mode
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def is_on(self) -> bool:
        return self._copies is not None and self._mode is not RecoveryMode.NONE

    async def before_publish(self, copies: Sequence[RecoveryCopy]) -> None:
        """Raises `TemporaryFailure`: then the messages must not appear."""
        if self._copies is not None and self._mode is RecoveryMode.SYNCHRONOUS:
            await side_by_side(copies, self._copies.write, SIDE_BY_SIDE)

    def after_publish(self, copies: Sequence[RecoveryCopy], appeared: Collection[bytes]) -> None:
        """`appeared`: messages that are not garbage."""
        if self._mode is not RecoveryMode.ASYNCHRONOUS:
            return
        for copy in copies:
            if bytes.fromhex(copy.name.message) in appeared:
                self._begin(copy)

    def _begin(self, copy: RecoveryCopy) -> None:
        if len(self._under_way) >= MAX_UNDER_WAY:
            self._leave_out(copy, "too many are under way")
            return
        task = asyncio.create_task(self._write(copy))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _write(self, copy: RecoveryCopy) -> None:
        assert self._copies is not None
        try:
            await self._copies.write(copy)
        except TemporaryFailure as error:
            self._leave_out(copy, str(error))

    def _leave_out(self, copy: RecoveryCopy, reason: str) -> None:
        _left_out.inc()
        _log.warning("a message has no recovery copy: message=%s reason=%s", copy.name.message, reason)

    async def remove(self, message: bytes, notes: Notes | None) -> None:
        """Before the content of a message goes. Also with the mode `none`: an earlier one may have written it. Raises
        `TemporaryFailure`."""
        if self._copies is not None and notes is not None and notes.has_copy:
            await self._copies.remove(name_of(message, notes))

    async def close(self) -> None:
        """Waits for those that are under way."""
        await asyncio.gather(*self._under_way)


def name_of(message: bytes, notes: Notes) -> CopyName:
    return CopyName(MessageId(message.hex()), BlobId(notes.blob) if notes.blob else None)
