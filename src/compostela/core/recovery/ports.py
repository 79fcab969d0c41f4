"""The ports of recovery copies: all that makes a message, kept apart from the database that refers to it.

A copy is written after the content of its message and removed before it. So a copy whose message has no content tells that the database
has lost that content."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from compostela.core.blob.model import Body, MessageContent
from compostela.model.flags import NO_FLAGS, Flags
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import BlobId, MessageId


@dataclass(frozen=True, slots=True)
class CopyName:
    """The message of a copy, and the blob with its body; None if the body is in the copy."""

    message: MessageId
    blob: BlobId | None = None


@dataclass(frozen=True, slots=True)
class RecoveryCopy:
    """A message as it is appended. `internal_date` in epoch seconds."""

    name: CopyName
    user: str
    """The owner of the mailbox to which the message came first."""
    internal_date: int
    header: bytes
    body: Body
    flags: Flags = NO_FLAGS
    """Those with which the message came; later changes are not in the copy."""
    path: MailboxPath | None = None
    """The name that the mailbox had then; None in a copy of an older release."""

    @property
    def content(self) -> MessageContent:
        return MessageContent(self.header, self.body)


@dataclass(frozen=True, slots=True)
class ListedCopy:
    name: CopyName
    written_at: float
    """Epoch seconds."""


class RecoveryCopies(Protocol):
    """The copies of all messages, one each.

    Embedded: none, a backup has all that the database has. Distributed: an object for each message, under `recovery/` in the bucket of the
    bodies."""

    async def write(self, copy: RecoveryCopy) -> None:
        """Durable when it returns; may be repeated. Raises `TemporaryFailure`."""
        ...

    async def read(self, name: CopyName) -> RecoveryCopy:
        """Raises `NotFound`, and `TemporaryFailure` also for a copy that is damaged or whose blob is gone."""
        ...

    async def remove(self, name: CopyName) -> None:
        """Nothing if it is not there. Raises `TemporaryFailure`."""
        ...

    async def list(self, prefix: str, after: CopyName | None, limit: int) -> Sequence[ListedCopy]:
        """At most `limit` copies after one, in the order of the ids of their messages, which begin with `prefix`. Raises
        `TemporaryFailure`."""
        ...


HasContent = Callable[[MessageId], Awaitable[bool]]
"""Whether the database has the content of a message, also of one that is in no mailbox any more. Raises `TemporaryFailure`."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The parts that an edition with recovery copies provides."""

    copies: RecoveryCopies
    has_content: HasContent
